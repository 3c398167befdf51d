"""Checks metrics with Prometheus's Python library.

    prometheus-parser.py FILE
"""

import sys

from prometheus_client.parser import text_string_to_metric_families

with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
families = {family.name: family for family in text_string_to_metric_families(text)}
assert families, "there are no metrics"
# Without requests, guests and calls there are none of these.
optional = [
    "apreserve_adapter_requested_queues",
    "apreserve_guest_requested_queues",
    "apreserve_guest_state",
    "apreserve_control_call_duration_seconds",
]
for name, family in families.items():
    assert name.startswith("apreserve_"), name
    assert family.documentation, f"{name} has no HELP"
    assert family.type in ("gauge", "counter", "histogram"), f"{name} is {family.type}"
    # The library removes the suffix that counters must have.
    assert (family.type == "counter") == (name + "_total" in text), name
    assert (family.type == "histogram") == name.endswith("_duration_seconds"), name
    assert family.samples or name in optional, f"{name} has no value"
series = [
    (sample.name, tuple(sorted(sample.labels.items())))
    for family in families.values()
    for sample in family.samples
]
assert len(series) == len(set(series)), "a series appears twice"
phases = [sample.value for sample in families["apreserve_phase"].samples]
assert sum(phases) == 1, "there is one phase at a time"
requests = [sample.value for sample in families["apreserve_requested_queues"].samples]
assert sum(requests) == 0, "nothing is requested"
