#!/usr/bin/env python3
"""Asks a running Prometheus everything that the dashboard and the rules ask it. Fails for errors, for queries of the
dashboard without data, and for metrics that a rule names and no process has.

    deploy/prometheus/check.py http://localhost:9090 --may-be-empty 'redis_up|upstream_up'

The service needs requests, logins and jobs before: many metrics appear with the first event that they count. Needs
Python only.
"""

import argparse
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

DASHBOARD = Path(__file__).parent.parent / "grafana" / "keel.json"
# What Grafana puts in. ".*" is its "All".
VARIABLES = {"$__rate_interval": "1m", "$__range": "1m", "$namespace": ".*", "$component": ".*", "$instance": ".*"}
# A metric with labels, as in up{job="keel"}.
METRIC = re.compile(r"([a-zA-Z_:][\w:]*)\{")


class Prometheus:
    def __init__(self, url):
        self.url = url.rstrip("/") + "/api/v1/"

    def get(self, path, **parameters):
        url = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            # The reason is in the body: for a wrong query, the place of the mistake.
            raise RuntimeError(json.load(error)["error"]) from error

    def has(self, query):
        """Whether the query has data. NaN is data: a rate of nothing is NaN, and the metrics exist."""
        return bool(self.get("query", query=query)["result"])


def dashboard_queries():
    """The title of each panel with each of its queries. Rows that are folded contain their panels."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    for panel in [*panels, *(inner for row in panels for inner in row.get("panels", []))]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            yield panel["title"], query


def problems(prometheus, may_be_empty):
    for title, query in dashboard_queries():
        try:
            if not prometheus.has(query) and not may_be_empty.search(query):
                yield f"panel {title!r} has no data: {query}"
        except RuntimeError as error:
            yield f"panel {title!r}: {error}: {query}"

    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    if not any(rule["type"] == "alerting" for rule in rules):
        yield "Prometheus has no alerts: does rule_files name alerts.yml?"
    for rule in rules:
        try:
            prometheus.get("query", query=rule["query"])
            # An alert that does not fire has no data. So has one with a misspelt metric.
            names = {rule["name"]} if rule["type"] == "recording" else set()
            for name in sorted(names.union(METRIC.findall(rule["query"]))):
                if not prometheus.has(name) and not may_be_empty.search(name):
                    yield f"rule {rule['name']}: {name} has no data"
        except RuntimeError as error:
            yield f"rule {rule['name']}: {error}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prometheus", help="its URL")
    parser.add_argument("--may-be-empty", metavar="REGEX", default="", help="metrics that need not exist")
    arguments = parser.parse_args()
    # ALERTS exists while an alert is pending or fires.
    may_be_empty = re.compile("|".join(filter(None, [r"\bALERTS\b", arguments.may_be_empty])))
    try:
        found = list(problems(Prometheus(arguments.prometheus), may_be_empty))
    except urllib.error.URLError as error:
        sys.exit(f"{arguments.prometheus}: {error.reason}")
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(list(dashboard_queries()))} queries of the dashboard, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
