# `just` lists the recipes. Each is a few commands that work without just, too.
# `cargo install --locked just`, or `pipx install rust-just`.

set shell := ["bash", "-euo", "pipefail", "-c"]

postgres := env("TEST_DATABASE_URL", "postgres://postgres:postgres@localhost:5432/postgres")
redis := env("TEST_REDIS_URL", "redis://localhost:6379")

_list:
    @just --list --unsorted

# Serve on http://127.0.0.1:8000 and restart on every save (cargo install --locked bacon)
[group('develop')]
dev:
    bacon run

# Serve once, or run another command: just run doctor
[group('develop')]
run *arguments:
    cargo run -- {{ arguments }}

# Apply, revert, list or write migrations: just migrate up | down | status | new create_notes
[group('develop')]
migrate command="status" *arguments:
    {{ if command == "new" { "sh migrations/new.sh" } else { "cargo run -- migrate " + command } }} {{ arguments }}

# Run everything in containers; arguments as for docker compose: just up --profile NAME
[group('develop')]
up *profiles:
    docker compose {{ profiles }} up --build

# Stop the containers and keep their data
[group('develop')]
down:
    docker compose --profile '*' down

# Run the tests on SQLite
[group('check')]
test *arguments:
    env -u TEST_DATABASE_URL cargo test --locked {{ arguments }}

# Run the tests on PostgreSQL (TEST_DATABASE_URL) with Redis (TEST_REDIS_URL)
[group('check')]
test-postgres *arguments:
    TEST_DATABASE_URL="{{ postgres }}" TEST_REDIS_URL="{{ redis }}" cargo test --locked {{ arguments }}

# Check formatting and lints
[group('check')]
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings

# Find spelling mistakes (cargo install --locked typos-cli)
[group('check')]
typos:
    typos

# Check the workflows (pipx install check-jsonschema zizmor)
[group('check')]
check-workflows:
    check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
    check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
    zizmor --offline --min-severity medium .github

# Check that the code compiles for Windows (rustup target add x86_64-pc-windows-gnu, mingw-w64)
[group('check')]
check-windows:
    cargo check --locked --all-targets --target x86_64-pc-windows-gnu

# Check the tools of xtask/
[group('check')]
tools:
    cargo fmt --check --manifest-path xtask/Cargo.toml
    cargo clippy --locked --manifest-path xtask/Cargo.toml --target-dir target/xtask --all-targets -- -D warnings
    cargo test --locked --manifest-path xtask/Cargo.toml --target-dir target/xtask

# only with template: begin
# Make projects from the template, and check each of them: just test-template --quick
[group('check')]
test-template *arguments:
    TEST_DATABASE_URL="{{ postgres }}" TEST_REDIS_URL="{{ redis }}" cargo xtask test-template {{ arguments }}
# only with template: end

# Check licences, vulnerabilities and sources of the dependencies (cargo install --locked cargo-deny)
[group('check')]
deny:
    cargo deny --locked check

# Build the documentation of the code: just doc --open
[group('check')]
doc *arguments:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items {{ arguments }}

# only with deploy: begin
# Validate the files of deploy/ (kubectl, promtool, pipx install kubernetes-validate)
[group('check')]
check-deploy:
    kubectl kustomize deploy/kubernetes/overlays/staging | kubernetes-validate --strict --no-warn -
    kubectl kustomize deploy/kubernetes/overlays/production | kubernetes-validate --strict --no-warn -
    promtool check config deploy/prometheus/prometheus.yml
    promtool test rules deploy/prometheus/alerts_test.yml
    docker compose config --quiet
    SECRET_KEY=- SMTP_URL=- FRONTEND_URL=- POSTGRES_PASSWORD=- APP__MAIL__FROM=- APP__SERVER__ALLOWED_HOSTS=- \
        docker compose -f docker-compose.yml -f docker-compose.production.yml config --quiet

# Run the service with a Prometheus, and check that every query of dashboard and alerts has data (prometheus, python3)
[group('check')]
check-dashboard:
    cargo build --locked
    deploy/prometheus/try.sh "${CARGO_TARGET_DIR:-target}/debug/keel"
# only with deploy: end

# Run all checks of the code
[group('check')]
ci: lint typos tools test test-postgres doc deny

# Measure the coverage of the tests: target/llvm-cov/html (cargo install --locked cargo-llvm-cov)
[group('check')]
coverage *arguments="--html":
    cargo llvm-cov --locked {{ arguments }}

# Update openapi.json; the diff shows what clients will see
[group('release')]
openapi:
    cargo build --quiet --locked
    cargo run --quiet --locked -- openapi > openapi.json

# only with items: begin
# Generate typed clients into clients/, compile them, and try them on a running server (node 20, python3)
[group('release')]
client: openapi
    tests/clients/run.sh "${CARGO_TARGET_DIR:-target}/debug/keel"
# only with items: end

# Build the container image
[group('release')]
image tag="keel" *arguments:
    docker build --tag {{ tag }} {{ arguments }} .

# only with template: begin
# Compare Keel with axum by hand and with FastAPI, on PostgreSQL (wrk, psql, Python 3.11); writes docs/performance.md
[group('release')]
bench:
    python3 bench/compare.py
# only with template: end
