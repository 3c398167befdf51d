"""Runs every query of a dashboard of Grafana against a Prometheus: each must have data.

    check-dashboard.py DASHBOARD URL

What Grafana puts in the place of variables is put there: all hosts, and an interval of some scrapes.
"""

import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request

VARIABLES = {"$instance": ".*", "$__rate_interval": "30s"}


def get(path, **parameters):
    """The data of an answer of the API."""
    url = f"{sys.argv[2]}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)["data"]


def values(expression, isinstant):
    """The numbers that a query has at present, or in the last minute."""
    if isinstant:
        return [series["value"][1] for series in get("query", query=expression)["result"]]
    now = time.time()
    result = get("query_range", query=expression, start=now - 60, end=now, step=1)["result"]
    return [value for series in result for _, value in series["values"]]


with open(sys.argv[1], encoding="utf-8") as file:
    dashboard = json.load(file)
problems = []
queries = 0
places = []
for panel in dashboard["panels"]:
    place = panel["gridPos"]
    places.append((place["x"], place["y"], place["w"], place["h"], panel["title"]))
    if panel["type"] == "row":
        continue
    if not panel["targets"]:
        problems.append(f"{panel['title']} has no query")
    for target in panel["targets"]:
        queries += 1
        expression = target["expr"]
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        if "$" in expression:
            problems.append(f"{panel['title']}: a variable is unknown: {expression}")
            continue
        found = values(expression, target.get("instant", False))
        if not any(not math.isnan(float(value)) for value in found):
            problems.append(f"{panel['title']}: no data: {expression}")
for x, y, width, height, title in places:
    if x + width > 24:
        problems.append(f"{title} is too wide")
    for other in places:
        if other[4] != title and x < other[0] + other[2] and other[0] < x + width:
            if y < other[1] + other[3] and other[1] < y + height:
                problems.append(f"{title} covers {other[4]}")
identifiers = [panel["id"] for panel in dashboard["panels"]]
if len(identifiers) != len(set(identifiers)):
    problems.append("two panels have the same id")
for variable in dashboard["templating"]["list"]:
    if variable["type"] != "query":
        continue
    match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
    if not match:
        problems.append(f"the variable {variable['name']} has another query than label_values")
    elif not get(f"label/{match[2]}/values", **{"match[]": match[1]}):
        problems.append(f"the variable {variable['name']} has no values")
print(f"{queries} queries in {len(places)} panels")
print("\n".join(problems))
sys.exit(1 if problems or queries == 0 else 0)
