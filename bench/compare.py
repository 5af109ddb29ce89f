"""Compares Keel with the same routes written by hand on axum and sqlx, tuned and plain, and with a FastAPI service (two
workers), in one run on one machine and one PostgreSQL database. Prints the ratios and writes docs/performance.md.

`just bench`. Needs Rust, wrk (Debian: apt-get install wrk), Python 3.11 and a PostgreSQL server, on which it makes the
database `keel_bench`: BENCH_DATABASE_URL=postgres://user@host/postgres. FastAPI is installed into target/bench/venv.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORK = ROOT / "target" / "bench"
SERVER = os.environ.get("BENCH_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
DATABASE = SERVER.rsplit("/", 1)[0] + "/keel_bench"
SECRET_KEY = "a-key-for-the-benchmark-and-nothing-else-0123456789"
PASSWORD = "correct horse battery"
ITEMS = 300
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
CONNECTIONS = 32
# Rows before a deep page.
DEEP = 100_000
ROUTES = ["GET /", "item", "list of 100", "create", "login"]


def run(*command, **options):
    return subprocess.run(command, check=True, cwd=ROOT, text=True, **options)


def target_directory():
    metadata = run("cargo", "metadata", "--format-version=1", "--no-deps", capture_output=True).stdout
    return Path(json.loads(metadata)["target_directory"]) / "release"


def request(port, method, path, headers=None, body=None):
    url = f"http://127.0.0.1:{port}{path}"
    data = body.encode() if body is not None else None
    call = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    with urllib.request.urlopen(call, timeout=30) as response:
        return response.read()


def ready(port):
    for _ in range(300):
        try:
            request(port, "GET", "/")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    sys.exit(f"nothing answers on port {port}")


class Service:
    """A process under test: its name, and how it is started."""

    def __init__(self, name, port, command, folder=ROOT, **variables):
        self.name, self.port, self.command, self.folder = name, port, command, folder
        self.variables = {"DATABASE_URL": DATABASE, "SECRET_KEY": SECRET_KEY, "PORT": str(port), **variables}

    @contextmanager
    def running(self):
        log = open(WORK / f"{self.port}.log", "w")
        environment = {**os.environ, **self.variables}
        process = subprocess.Popen(
            self.command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            ready(self.port)
            self.pid = process.pid
            yield self
        finally:
            process.terminate()
            process.wait(30)

    def memory(self):
        """Resident memory of the process and its children, in MiB."""
        listed = run("ps", "-o", "rss=", "--sid", str(self.pid), capture_output=True).stdout
        return sum(map(int, listed.split())) / 1024


def log_in(port):
    form = urllib.parse.urlencode({"username": "ann@example.com", "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return json.loads(request(port, "POST", "/api/v1/login/access-token", headers, form))["access_token"]


def seed(port):
    """A user with items, of which each has three tags. The token and the id of an item."""
    as_json = {"Content-Type": "application/json"}
    account = {"email": "ann@example.com", "username": "ann", "password": PASSWORD}
    request(port, "POST", "/api/v1/users/signup", as_json, json.dumps(account))
    token = log_in(port)
    headers = {**as_json, "Authorization": f"Bearer {token}"}
    for number in range(ITEMS):
        tags = ["kitchen", f"shelf-{number % 10}", f"box-{number % 7}"]
        item = {"title": f"Kettle {number}", "description": "Whistles when it boils", "price": 24.9, "tags": tags}
        created = json.loads(request(port, "POST", "/api/v1/items", headers, json.dumps(item)))
    return token, created["id"]


def script(route, token):
    """The wrk script of a route that is not a plain GET."""
    if route == "create":
        body = json.dumps({"title": "Kettle", "description": "Whistles when it boils", "price": 24.9, "tax": 3.98})
        kind = "application/json"
    else:
        body = urllib.parse.urlencode({"username": "ann", "password": PASSWORD})
        kind = "application/x-www-form-urlencoded"
    file = WORK / f"{route}.lua"
    file.write_text(
        f"wrk.method = 'POST'\nwrk.body = [[{body}]]\nwrk.headers['Content-Type'] = '{kind}'\n"
        f"wrk.headers['Authorization'] = 'Bearer {token}'\n"
    )
    return file


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def measure(service, route, token, item):
    """Requests per second, and the latencies p50 and p99 in milliseconds."""
    paths = {"GET /": "/", "item": f"/api/v1/items/{item}", "list of 100": "/api/v1/items", "create": "/api/v1/items"}
    path = paths.get(route, "/api/v1/login/access-token")
    return load(service, route, path, token)


def load(service, route, path, token):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", "--timeout", "10s", "--latency"]
    if route in ("create", "login"):
        command += ["-s", str(script(route, token))]
    else:
        command += ["-H", f"Authorization: Bearer {token}"]
    output = run(*command, f"http://127.0.0.1:{service.port}{path}", capture_output=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{service.name}, {route}:\n{output}")
    percentile = lambda name: milliseconds(re.search(rf"^ +{name}%\s+(\S+)", output, re.MULTILINE).group(1))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)), percentile("50"), percentile("99")


def deep_pages(keel, token):
    """What a page of a long list costs, by its place: medians of requests per second."""
    run("psql", "--quiet", DATABASE, "-c", f"""
        INSERT INTO items (id, owner_id, title, condition, version, created_at, updated_at)
        SELECT gen_random_uuid(), users.id, 'Kettle ' || number, 'new', 1, time, time FROM users,
            generate_series(1, {DEEP + 200}) AS number,
            LATERAL (SELECT now() - number * interval '1 second' AS time) AS times
        WHERE username = 'ann'""", "-c", "ANALYZE")
    headers = {"Authorization": f"Bearer {token}"}
    page = lambda query: json.loads(request(keel.port, "GET", f"/api/v1/items?limit=100&{query}", headers))
    cursor = lambda skip: "cursor=" + urllib.parse.quote(page(f"skip={skip}")["next_cursor"])
    pages = {
        "first page by cursor": cursor(0),
        f"after {DEEP:,} rows, by cursor": cursor(DEEP - 100),
        f"after {DEEP:,} rows, by `skip`": f"skip={DEEP}",
    }
    rates = {name: [] for name in pages}
    for round_ in range(ROUNDS):
        for name, query in pages.items():
            rates[name].append(load(keel, name, f"/api/v1/items?limit=100&{query}", token)[0])
            print(f"{name}, round {round_ + 1}: {rates[name][-1]:.0f}/s", flush=True)
    return {name: statistics.median(values) for name, values in rates.items()}


def compare_bytes(services, token, item):
    """Keel and the services by hand have to give the same bytes."""
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("/", f"/api/v1/items/{item}", "/api/v1/items?limit=100"):
        bodies = [request(service.port, "GET", path, headers) for service in services]
        for body in bodies[1:]:
            if body != bodies[0]:
                sys.exit(f"{path} differs:\n{bodies[0][:500]}\n{body[:500]}")


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    python = WORK / "venv" / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", str(WORK / "venv"))
    run(str(python), "-m", "pip", "install", "--quiet", "-r", "bench/fastapi/requirements.txt")
    run("cargo", "build", "--release", "--locked", "--bin", "keel", "--example", "reference")
    binaries = target_directory()
    run("psql", "--quiet", SERVER, "-c", "DROP DATABASE IF EXISTS keel_bench", "-c", "CREATE DATABASE keel_bench")

    quiet = {"RUST_LOG": "warn", "APP__RATE_LIMIT__ENABLED": "false", "APP__JOBS__IN_PROCESS": "false"}
    # As many connections as the others have.
    quiet["APP__DATABASE__MAX_CONNECTIONS"] = "10"
    # What the other two expect in a token.
    quiet["APP__AUTH__ISSUER"] = "keel"
    keel = Service("Keel", 8101, [str(binaries / "keel")], **quiet)
    reference = str(binaries / "examples" / "reference")
    tuned, plain = Service("by hand, tuned", 8102, [reference]), Service("by hand, plain", 8104, [reference], PLAIN="1")
    uvicorn = [str(python), "-m", "uvicorn", "main:app", "--workers", "2", "--port", "8103", "--log-level", "warning"]
    fastapi = Service("FastAPI, 2 workers", 8103, uvicorn, ROOT / "bench" / "fastapi")
    services = [keel, tuned, plain, fastapi]

    # Memory is measured on an existing database: the first start migrates and hashes a password.
    with keel.running():
        pass
    results = {}
    with keel.running(), tuned.running(), plain.running(), fastapi.running():
        idle = {service.name: service.memory() for service in services}
        token, item = seed(keel.port)
        compare_bytes([keel, tuned, plain], token, item)
        for route in ROUTES:
            for round_ in range(ROUNDS):
                for service in services:
                    measured = measure(service, route, token, item)
                    results.setdefault((route, service.name), []).append(measured)
                    print(f"{route}, round {round_ + 1}, {service.name}: {measured[0]:.0f}/s", flush=True)
        loaded = {service.name: service.memory() for service in services}
    with keel.running():
        pages = deep_pages(keel, log_in(keel.port))

    report = table(services, results, idle, loaded) + "\n\n" + table_of_pages(pages)
    print(report)
    write(report)


def table_of_pages(pages):
    first = next(iter(pages.values()))
    lines = [f"| 100 items of a list of more than {DEEP:,} | requests/s | of the first |", "| --- | --- | --- |"]
    lines += [f"| {name} | {rate:,.0f} | **{rate / first:.2f}** |" for name, rate in pages.items()]
    return "\n".join(lines)


def table(services, results, idle, loaded):
    median = lambda route, service, column: statistics.median(row[column] for row in results[route, service.name])
    keel, *others = services
    names = [service.name for service in services]
    header = [f"{name}: requests/s, p50, p99 ms" for name in names] + [f"Keel / {service.name}" for service in others]
    lines = ["| route | " + " | ".join(header) + " |", "| --- " * (len(header) + 1) + "|"]
    for route in ROUTES:
        cells = [
            f"{median(route, service, 0):,.0f}, {median(route, service, 1):.1f}, {median(route, service, 2):.1f}"
            for service in services
        ]
        ratios = [f"**{median(route, keel, 0) / median(route, other, 0):.2f}**" for other in others]
        lines.append(f"| `{route}` | " + " | ".join(cells + ratios) + " |")
    memory = [f"{idle[name]:.0f} / {loaded[name]:.0f}" for name in names]
    lines.append("| memory, MiB, idle / after | " + " | ".join(memory) + " |" * (len(others) + 1))
    return "\n".join(lines)


def write(report):
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    Path(ROOT / "docs" / "performance.md").write_text(
        f"""# Performance

Written by `just bench` on {time.strftime("%Y-%m-%d")}: {os.cpu_count()} cores ({cpu.group(1) if cpu else "unknown"}),
shared by the services, PostgreSQL and `wrk -t1 -c{CONNECTIONS}`; medians of {ROUNDS} rounds of {SECONDS} seconds that
alternate between the services. Compare the ratios: the absolute numbers depend on the machine.

{report}

- Memory is resident memory: idle, after a start with an existing database; and after all routes were measured.
- *Keel* runs with its whole stack and `RUST_LOG=warn`, without rate limits.
- *By hand* is `bench/reference.rs`: axum and sqlx on the same tables, the same bytes in every response, the headers of
  Keel's middleware with fixed values, no middleware. *Tuned*, it keeps sessions for a second, as Keel does, and reads
  an item with its tags by one statement that SeaORM cannot express. *Plain*, it does what most services do: it looks
  the session up for every request, and reads the tags of one item with a second statement.
- *FastAPI* is `bench/fastapi/main.py`: async SQLAlchemy with asyncpg, pydantic, uvloop and httptools.
- A login is one argon2id hash (19 MiB, 2 iterations), which is nearly all of its time.
"""
    )


if __name__ == "__main__":
    main()
