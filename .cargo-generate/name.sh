#!/bin/sh
# Renames the copy of the repository in the working folder: name.sh PACKAGE CRATE
set -eu
export LC_ALL=C
package=$1 crate=$2
upper=$(printf '%s' "$crate" | tr '[:lower:]' '[:upper:]')
copy=$(mktemp)
trap 'rm -f "$copy"' EXIT

# The new project belongs to its author.
author=$(git config user.name 2>/dev/null || true)
awk -v holder="$(date +%Y) ${author:-The $package authors}" '/^Copyright/ { $0 = "Copyright (c) " holder } 1' \
    LICENSE >"$copy"
cat "$copy" >LICENSE

# Names in Rust have underscores, all others are the package's. The two steps keep a new name that contains the old one
# from being replaced again.
grep -rIlE 'keel|Keel|KEEL|template:begin' --exclude-dir=.git --exclude-dir=.cargo-generate --exclude-dir=target . | while IFS= read -r file; do
    # Kubernetes allows no underscores in names.
    case $file in
    ./deploy/kubernetes/*) name=$(printf '%s' "$package" | tr _ -) ;;
    *) name=$package ;;
    esac
    sed -E \
        -e '/template:begin/,/template:end/d' \
        -e '/^\[lib\]/,/^name/s/"keel"/"%crate%"/' \
        -e 's/CARGO_BIN_EXE_keel/CARGO_BIN_EXE_%package%/g' \
        -e 's/keel(::|\\?_|=(off|error|warn|info|debug|trace))/%crate%\1/g' \
        -e 's/(_|use |crate )keel/\1%crate%/g' \
        -e 's/[kK]eel/%package%/g' \
        -e 's/KEEL/%upper%/g' \
        -e "s/%package%/$name/g" \
        -e "s/%crate%/$crate/g" \
        -e "s/%upper%/$upper/g" \
        "$file" >"$copy"
    # Not mv: the file keeps its permissions.
    cat "$copy" >"$file"
done

# Renames files.
find . -depth -name '*keel*' ! -path './.git/*' ! -path './target/*' | while IFS= read -r file; do
    mv "$file" "${file%/*}/$(printf '%s' "${file##*/}" | sed "s/keel/$package/g")"
done

# `cargo build --locked` wants the packages in Cargo.lock in order.
awk -v name="$package" '
    function print_block(block) { printf "%s%s", separator, block; separator = "\n\n" }
    BEGIN { RS = ""; ours = "name = \"" name "\"\n" }
    { blocks[NR] = $0; if (index($0, "\n" ours) && !index($0, "\nsource = ")) own = NR }
    END {
        for (i = 1; i <= NR; i++) {
            if (i == own) continue
            split(blocks[i], part, "\"")
            if (!done && blocks[i] ~ /^\[\[package\]\]/ && part[2] > name) { print_block(blocks[own]); done = 1 }
            print_block(blocks[i])
        }
        if (!done) print_block(blocks[own])
        printf "\n"
    }
' Cargo.lock >"$copy"
cat "$copy" >Cargo.lock

# Sorts the imports, which compiles without as well.
cargo fmt 2>/dev/null || true
