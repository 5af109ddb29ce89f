#!/bin/sh
# Writes a new migration and adds it to mod.rs: new.sh create_notes, or new.sh add_colour_to_items
set -eu
export LC_ALL=C
cd "$(dirname "$0")"

name=${1:-}
if ! printf '%s' "$name" | grep -qE '^[a-z][a-z0-9_]*$' || [ $# -ne 1 ]; then
    echo "usage: new.sh NAME, in snake case: create_notes, add_colour_to_items" >&2
    exit 2
fi

# Migrations run in the order of their names: the new one must sort last.
last=$(printf '%s\n' m*.rs | sed -nE 's/^m([0-9]{8}_[0-9]{6})_.*\.rs$/\1/p' | tail -n 1)
date=$(date -u +%Y%m%d)
number=1
if [ -n "$last" ] && [ "${last%_*}" -ge "$date" ]; then
    date=${last%_*}
    number=$(printf '%s' "${last#*_}" | sed 's/^0*//')
    number=$((number + 1))
fi
module=$(printf 'm%s_%06d_%s' "$date" "$number" "$name")

case $name in
create_*)
    table=${name#create_}
    cat >"$module.rs" <<RUST
//! $table.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{timestamp_with_time_zone, uuid};

use super::{create_indexes, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("$table")
            .col(uuid("id").primary_key())
            .col(timestamp_with_time_zone("created_at"))
            .take();
        manager.create_table(table).await?;

        // One index for each sort order of a list.
        create_indexes(manager, &["CREATE INDEX ${table}_created_at_idx ON $table (created_at, id)"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["$table"]).await
    }
}
RUST
    ;;
*)
    cat >"$module.rs" <<RUST
//! $(printf '%s' "$name" | tr _ ' ').

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("$module: up is not written yet".to_owned()))
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("$module: down is not written yet".to_owned()))
    }
}
RUST
    ;;
esac

copy=$(mktemp)
trap 'rm -f "$copy"' EXIT
awk -v module="$module" '
    { lines[NR] = $0 }
    /^mod m[0-9]/ { last_mod = NR }
    /Box::new\(m[0-9].*::Migration\)/ { last_box = NR }
    END {
        for (i = 1; i <= NR; i++) {
            print lines[i]
            if (i == last_mod) print "mod " module ";"
            if (i == last_box) print "            Box::new(" module "::Migration),"
        }
    }
' mod.rs >"$copy"
# Not mv, which would change the permissions.
cat "$copy" >mod.rs
echo "migrations/$module.rs"
