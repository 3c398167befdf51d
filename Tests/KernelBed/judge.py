# SPDX-License-Identifier: Apache-2.0
"""Judges the results of a scenario: `judge(directory)` returns all faults.

Only the guest's kernel is trusted: the driver links in sysfs, and the uevents. The output of apreserve is compared
with them.
"""
import fnmatch
import json
import os

from events import read_events

OWNERS = {"cex4queue": "host", "vfio_ap": "vfio_ap", "": "none"}


class Verdict:
    """The faults, and how much was judged."""

    def __init__(self):
        self.faults = []
        self.applies = self.queues = self.moves = self.events = 0


def read_text(directory, name, missing=""):
    try:
        with open(os.path.join(directory, name)) as file:
            return file.read()
    except FileNotFoundError:
        return missing


def parse_owners(text):
    """`01.0004 cex4queue` a line -> {"01.0004": "host"}."""
    rows = [line.split(" ") for line in text.splitlines() if line]
    return {row[0]: OWNERS.get(row[1] if len(row) > 1 else "", row[-1]) for row in rows}


def judge(directory):
    """All faults of a scenario that was run."""
    verdict = Verdict()
    steps = read_text(directory, "walk.steps")
    if "# end" not in steps:
        verdict.faults.append("the scenario did not reach its end")
    verdict.faults += [line.strip() for line in steps.splitlines() if line.startswith(("  dmesg: ", "  failed: "))]
    events, faults = read_events(read_text(directory, "walk.events"))
    verdict.faults += faults
    verdict.events = sum(1 for event in events if event.path)
    number = 1
    while os.path.exists(os.path.join(directory, f"{number}.apply.exit")):
        judge_apply(directory, number, events, steps, verdict)
        number += 1
    verdict.applies = number - 1
    number = 1
    while os.path.exists(os.path.join(directory, f"s{number}.owners")):
        judge_settled(directory, number, events, verdict)
        number += 1
    verdict.applies += number - 1
    for line in read_text(directory, "expected").splitlines():
        judge_expectation(directory, *line.split("\t"), events, verdict)
    return verdict


def judge_apply(directory, number, events, steps, verdict):
    """Whether an `apply` did what `plan` announced, and nothing else at any moment."""
    def fault(text):
        verdict.faults.append(f"apply {number}: {text}")

    try:
        plan = json.loads(read_text(directory, f"{number}.plan.json"))
        report = json.loads(read_text(directory, f"{number}.apply.json"))
    except json.JSONDecodeError:
        said = read_text(directory, f"{number}.plan.err") + read_text(directory, f"{number}.apply.err")
        fault(f"no plan or no report: {said.strip()}")
        return
    before = parse_owners(read_text(directory, f"{number}.before"))
    after = parse_owners(read_text(directory, f"{number}.after"))
    ways, promise = announced(plan)
    verdict.queues += len(after)
    verdict.moves += len(plan["changes"])
    if os.path.exists(os.path.join(directory, f"{number}.disturbed")):
        disturbance = read_text(directory, f"{number}.disturbed")
        if not disturbance.endswith("ok\n"):
            fault(f"no other process wrote between its writes: {disturbance.strip()}")
        for sentence in judge_disturbed(report, events_of(events, number), before, after, promise):
            fault(sentence)
        return

    for queue, change in promise.items():
        if before.get(queue) != change["from"]:
            fault(f"the plan says that {queue} is with {change['from']}, the kernel {before.get(queue)}")
    if before.keys() != after.keys():
        fault("queues were added or removed during the run")
    for queue, owner in after.items():
        wanted = promise[queue]["to"] if queue in promise else before.get(queue)
        if owner != wanted:
            word = "announced for" if queue in promise else "left with"
            fault(f"{queue} was {word} {wanted}, the kernel says {owner}")

    for sentence in judge_moments(events_of(events, number), before, ways):
        fault(sentence)

    # What a changeover that is refused prints is its plan.
    activities = report.get("activities", [])
    writes = [a for a in activities if a["activity"] == "write"]
    for write in writes:
        if "errno" in write:
            fault(f"{write['text'].strip()} > {write['path']} failed with {write['errno']}")
    if not plan["steps"] and writes:
        fault(f"the plan had no write, and there were {len(writes)}")
    moved = reported_moves(report)
    if moved != {queue: change["to"] for queue, change in promise.items()}:
        fault(f"it reports other moves than the plan announced: {sorted(moved.items())}")
    judge_masks(plan, steps, f"apply {number} ends", fault)

    planned = read_text(directory, f"{number}.plan.exit").strip()
    done = read_text(directory, f"{number}.apply.exit").strip()
    if done != {"0": "0", "2": "0", "3": "3"}.get(planned):
        fault(f"plan ended with {planned}, apply with {done}")


def announced(plan):
    """The owners that a plan announces for each queue that it moves, in their order: only a changeover announces more
    than two. And each queue's way from the first to the last."""
    ways = {}
    for change in plan["changes"]:
        ways.setdefault(change["queue"], [change["from"]]).append(change["to"])
    return ways, {queue: {"from": way[0], "to": way[-1]} for queue, way in ways.items()}


def judge_masks(plan, steps, mark, fault):
    """Whether the masks that the kernel shows are those that the plan announced."""
    if "masks" not in plan:
        return
    after = steps.partition(f"# {mark}\n")[2].splitlines()
    for name in ("apmask", "aqmask"):
        line = next((line for line in after if f"/sys/bus/ap/{name} = " in line), "")
        shown, promised = line.partition(" = ")[2], plan["masks"]["after"][name]
        if shown != promised:
            fault(f"{name} was announced as {promised}, the kernel says {shown}")


def events_of(events, number):
    """The events between the beginning and the end of an `apply`."""
    begins, ends = f"apply {number} begins", f"apply {number} ends"
    marks = [event.mark for event in events]
    if begins not in marks or ends not in marks:
        return []
    return [e for e in events[marks.index(begins):marks.index(ends)] if e.path]


def reported_moves(report):
    """The last owner to which apreserve reports to have moved each queue."""
    activities = report.get("activities", [])
    return {c["queue"]: c["to"] for a in activities if a["activity"] == "moved" for c in a["changes"]}


def judge_disturbed(report, events, before, after, promise):
    """Whether a run that another process disturbed reports exactly what it did and what it did not, and touched only
    queues of its plan."""
    moved = reported_moves(report)
    for queue, owner in after.items():
        wanted = moved.get(queue, before.get(queue))
        if owner != wanted:
            yield f"{queue} is reported with {wanted}, the kernel says {owner}"
    for event in events:
        if event.queue and event.action != "change" and event.queue not in promise:
            yield f"{event.queue} was not to move, and the kernel sent {event.action} of it"
    if moved == {queue: change["to"] for queue, change in promise.items()}:
        yield "it reports all that it announced, so nothing disturbed it"
    # What another process has done in the middle makes a write fail, or the plan obsolete and the request refused.
    if not any(a["activity"] in ("failed", "refused") for a in report["activities"]):
        yield "it reports neither a failure nor a refusal"


def judge_moments(events, before, ways):
    """Events that contradict the plan: of a queue that was not to move, that moved more often than it announced, or
    that was with another owner meanwhile."""
    owners, moves = dict(before), {}
    for event in events:
        queue = event.queue
        if queue is None or event.action == "change":
            continue
        if queue not in ways:
            yield f"{queue} was not to move, and the kernel sent {event.action} of it"
            continue
        if event.action == "unbind":
            owner = "none"
        elif event.action == "bind":
            owner = OWNERS.get(event.driver, event.driver)
        else:
            yield f"the kernel sent {event.action} of {queue}"
            continue
        if owner not in (*ways[queue], "none"):
            yield f"{queue} was with {owner} on its way to {ways[queue][-1]}"
        owners[queue] = owner
        moves.setdefault(queue, []).append(event.action)
    for queue, way in ways.items():
        wanted = [word for pair in zip(way, way[1:]) for word, owner in zip(("unbind", "bind"), pair) if owner != "none"]
        if moves.get(queue, []) != wanted:
            yield f"{queue} should have had {' and '.join(wanted)}, and had {moves.get(queue, [])}"
        if owners.get(queue) != way[-1]:
            yield f"the events leave {queue} with {owners.get(queue)}, not with {way[-1]}"


def judge_settled(directory, number, events, verdict):
    """Whether the daemon has nothing left to do, and touched no queue without a reason."""
    def fault(text):
        verdict.faults.append(f"settled {number}: {text}")

    try:
        plan = json.loads(read_text(directory, f"s{number}.plan.json"))
    except json.JSONDecodeError:
        fault(f"there is no plan: {read_text(directory, f's{number}.plan.err').strip()}"
              f" {read_text(directory, 'daemon.log').strip()[-300:]}")
        return
    for step in plan["steps"]:
        fault(f"this is left to do: {step}")
    before = parse_owners(read_text(directory, f"s{number - 1}.owners"))
    after = parse_owners(read_text(directory, f"s{number}.owners"))
    verdict.queues += len(after)
    verdict.moves += sum(1 for queue, owner in after.items() if queue in before and before[queue] != owner)
    reasons = read_text(directory, f"s{number}.queues").split()
    marks = [event.mark for event in events]
    begins, ends = marks.index(f"settled {number - 1}"), marks.index(f"settled {number}")
    touched = {e.queue for e in events[begins:ends] if e.queue and e.action != "change"}
    for queue in sorted(touched):
        if not any(fnmatch.fnmatch(queue, pattern) for pattern in reasons):
            fault(f"{queue} had no reason to move, and the kernel sent events of it")
    for queue in after.keys() & before.keys():
        if queue not in touched and after[queue] != before[queue]:
            fault(f"{queue} moved from {before[queue]} to {after[queue]} without an event")


def judge_expectation(directory, number, words, now, events, verdict):
    """Whether a line `expect ...` of the scenario is true."""
    kind, *rest = words.split(" ")

    def fault(text):
        verdict.faults.append(f"expect {words} (after apply {number}): {text}")

    match kind:
        case "exit":
            found = read_text(directory, f"{number}.apply.exit").strip()
            if [found] != rest:
                fault(f"it was {found}: {read_text(directory, f'{number}.apply.err').strip()}")
        case "refused":
            plan = json.loads(read_text(directory, f"{number}.plan.json", "{}"))
            found = sorted({r["reason"] for r in plan.get("refusals", [])})
            if found != sorted(rest):
                fault(f"refused were {found}")
        case "no-changes":
            report = json.loads(read_text(directory, f"{number}.apply.json", "{}"))
            writes = [a for a in report.get("activities", []) if a["activity"] == "write"]
            if writes or read_text(directory, f"{number}.before") != read_text(directory, f"{number}.after"):
                fault(f"{len(writes)} writes")
        case "host" | "vfio_ap" | "none":
            owners = parse_owners(now.replace(",", "\n"))
            for pattern in rest:
                queues = fnmatch.filter(owners, pattern)
                if not queues:
                    fault(f"there is no queue {pattern}")
                for queue in queues:
                    if owners[queue] != kind:
                        fault(f"{queue} is with {owners[queue]}")
        case "never":
            for sentence in judge_never(*rest, owners=parse_owners(now.replace(",", "\n")), events=events):
                fault(sentence)
        case _:
            fault("unknown expectation")


def judge_never(kind, *patterns, owners, events):
    """Events that bind a queue to a driver that it must never have."""
    for pattern in patterns:
        named = {event.queue for event in events if event.queue} | owners.keys()
        if not fnmatch.filter(named, pattern):
            yield f"there was never a queue {pattern}"
        bound = [e.queue for e in events if e.action == "bind" and OWNERS.get(e.driver, e.driver) == kind and e.queue]
        for queue in fnmatch.filter(dict.fromkeys(bound), pattern):
            yield f"{queue} was bound to {kind}"
