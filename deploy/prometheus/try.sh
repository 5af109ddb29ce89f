#!/usr/bin/env bash
# Runs the service with a Prometheus that scrapes it, makes some requests, and asks check.py whether every query of the
# dashboard and of the alerts has data: try.sh target/debug/keel. Needs prometheus, curl and python3.
set -euo pipefail
server=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -r "$folder"' EXIT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
metrics=$(free_port) prometheus=$(free_port)

cd "$folder"
PORT=0 APP__METRICS__PORT=$metrics RUST_LOG=info "$server" >log 2>&1 &
for _ in $(seq 100); do
    url=$(grep -o 'listening on http://[0-9.:]*' log | cut -d ' ' -f 3) && break
    sleep 0.1
done
[ -n "${url:-}" ] || { cat log; exit 1; }

cat >prometheus.yml <<END
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["$here/alerts.yml"]
scrape_configs:
  - job_name: keel
    static_configs: [{ targets: ["127.0.0.1:$metrics"], labels: { component: app } }]
END
prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address="127.0.0.1:$prometheus" 2>prometheus.log &

# Many metrics appear with the first event that they count.
requests() {
    local form="username=admin%40example.com&password="
    curl -s "$url/" "$url/unknown" "$url/health/ready"
    curl -s "$url/token" -d "${form}changethis"
    curl -s "$url/token" -d "${form}wrong"
    curl -s -X POST "$url/api/v1/password-recovery/admin@example.com"
}
for _ in $(seq 60); do
    requests >/dev/null
    sleep 1
    if "$here/check.py" "http://127.0.0.1:$prometheus" --may-be-empty 'redis_up|upstream_up' >problems 2>&1; then
        break
    fi
done
cat problems
tail -n 1 problems | grep -q ' 0 problems$'
