# `just` lists the recipes. Each is one or two commands that work without just, too.

_list:
    @just --list

# Serve on http://127.0.0.1:8000, or run another command: just run migrate status
run *arguments:
    cargo run -- {{ arguments }}

# Every test, on SQLite
test *arguments:
    env -u TEST_DATABASE_URL cargo test {{ arguments }}

# Every test, on the PostgreSQL server that TEST_DATABASE_URL names
test-postgres *arguments:
    TEST_DATABASE_URL="${TEST_DATABASE_URL:-postgres://postgres:postgres@localhost:5432/postgres}" cargo test {{ arguments }}

# Formatting, and every warning is an error
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings

# Licences, known vulnerabilities and origins of the dependencies
deny:
    cargo deny check

# The documentation of the code
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --open

# Write openapi.json anew; its difference is what clients will see
openapi:
    cargo build --quiet
    cargo run --quiet -- openapi > openapi.json

# The container image
image tag="keel":
    docker build --tag {{ tag }} .
