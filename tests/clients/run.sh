#!/usr/bin/env bash
# Generates a TypeScript and a Python client from openapi.json into clients/, compiles both, and lets each talk to a
# server of its own database: run.sh target/debug/keel. Needs node and python3.
set -euo pipefail
server=$(realpath "$1")
cd "$(dirname "$0")/../.."
sources=$PWD/tests/clients
mkdir -p clients/typescript clients/python

cp "$sources"/typescript/* clients/typescript/
(
    cd clients/typescript
    npm install --silent --no-audit --no-fund
    npx openapi-ts --silent
    npx tsc
)

[ -d clients/python/venv ] || python3 -m venv clients/python/venv
export PATH=$PWD/clients/python/venv/bin:$PATH
pip install --quiet --disable-pip-version-check --requirement "$sources/python/requirements.txt"
cp "$sources"/python/{conversation.py,mypy.ini} clients/python/
openapi-python-client generate --path openapi.json --meta none --config "$sources/python/config.yml" \
    --output-path clients/python/keel_client --overwrite --fail-on-warning
(cd clients/python && mypy keel_client conversation.py)

folder=$(mktemp -d)
(cd "$folder" && exec env PORT=0 RUST_LOG=info "$server" >log 2>&1) &
process=$!
trap 'kill $process; rm -r "$folder"' EXIT
for _ in $(seq 100); do
    url=$(grep -o 'listening on http://[0-9.:]*' "$folder/log" | cut -d ' ' -f 3) && break
    sleep 0.1
done
node clients/typescript/dist/conversation.js "$url"
python clients/python/conversation.py "$url"
