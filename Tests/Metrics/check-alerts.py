"""Checks that a Prometheus can evaluate its alerts, and that some of them have found what they are for.

    check-alerts.py URL ALERT...

An alert that waits before it fires is pending; how long it waits is checked by promtool, with a clock of its own.
"""

import json
import sys
import time
import urllib.request


def alerts():
    """The alerting rules by name."""
    with urllib.request.urlopen(f"{sys.argv[1]}/api/v1/rules?type=alert", timeout=30) as answer:
        groups = json.load(answer)["data"]["groups"]
    return {rule["name"]: rule for group in groups for rule in group["rules"]}


wanted = sys.argv[2:]
for _ in range(60):
    rules = alerts()
    states = {name: rules[name]["state"] for name in wanted}
    if all(rule["health"] == "ok" for rule in rules.values()):
        if all(state != "inactive" for state in states.values()):
            break
    time.sleep(1)
ill = {name: rule.get("lastError") for name, rule in rules.items() if rule["health"] != "ok"}
quiet = [name for name, state in states.items() if state == "inactive"]
print(f"not evaluated: {ill}; inactive: {quiet}")
sys.exit(1 if ill or quiet or not rules else 0)
