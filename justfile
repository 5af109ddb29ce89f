# `just` lists the recipes. Each is one or two commands that work without just, too.
# `cargo install --locked just`, or `pipx install rust-just`.

set shell := ["bash", "-euo", "pipefail", "-c"]

postgres := env("TEST_DATABASE_URL", "postgres://postgres:postgres@localhost:5432/postgres")
redis := env("TEST_REDIS_URL", "redis://localhost:6379")

_list:
    @just --list --unsorted

# Serve on http://127.0.0.1:8000, and restart on every save (cargo install --locked bacon)
[group('develop')]
dev:
    bacon run

# Serve once, or run another command: just run doctor
[group('develop')]
run *arguments:
    cargo run -- {{ arguments }}

# Apply, take back, list or write migrations: just migrate up | down | status | new create_notes
[group('develop')]
migrate command="status" *arguments:
    {{ if command == "new" { "sh migrations/new.sh" } else { "cargo run -- migrate " + command } }} {{ arguments }}

# The service with PostgreSQL, Redis and a mail catcher in containers: just up --profile observability
[group('develop')]
up *profiles:
    docker compose {{ profiles }} up --build

# Stop the containers; their data stays
[group('develop')]
down:
    docker compose --profile '*' down

# Every test, on SQLite
[group('check')]
test *arguments:
    env -u TEST_DATABASE_URL cargo test --locked {{ arguments }}

# Every test, on the PostgreSQL server of TEST_DATABASE_URL and the Redis server of TEST_REDIS_URL
[group('check')]
test-postgres *arguments:
    TEST_DATABASE_URL="{{ postgres }}" TEST_REDIS_URL="{{ redis }}" cargo test --locked {{ arguments }}

# Formatting, and every warning is an error
[group('check')]
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings

# Licences, known vulnerabilities and origins of the dependencies (cargo install --locked cargo-deny)
[group('check')]
deny:
    cargo deny --locked check

# The documentation of the code, in target/doc: just doc --open
[group('check')]
doc *arguments:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items {{ arguments }}

# The files of deploy/: rendered, and compared with their schemas (pipx install kubernetes-validate; kubectl, promtool)
[group('check')]
check-deploy:
    kubectl kustomize deploy/kubernetes/overlays/staging | kubernetes-validate --strict --no-warn -
    kubectl kustomize deploy/kubernetes/overlays/production | kubernetes-validate --strict --no-warn -
    promtool check config deploy/prometheus/prometheus.yml
    docker compose config --quiet

# What the workflows check on a pull request
[group('check')]
ci: lint test test-postgres doc deny

# What the tests reach, as a page in target/llvm-cov (cargo install --locked cargo-llvm-cov)
[group('check')]
coverage *arguments="--html":
    cargo llvm-cov --locked {{ arguments }}

# Write openapi.json anew; its difference is what clients will see
[group('release')]
openapi:
    cargo build --quiet --locked
    cargo run --quiet --locked -- openapi > openapi.json

# The container image
[group('release')]
image tag="keel" *arguments:
    docker build --tag {{ tag }} {{ arguments }} .
