# SPDX-License-Identifier: Apache-2.0
"""Makes test data from the results of a scenario, in the format of Tests/Captures."""
import errno
import json
import os
import re
import shutil

from judge import read_text

BEGIN = re.compile(r"# apply (\d+) begins")


def answer(text, path, error):
    """A write with the kernel's answer, of which `error` is the name, as guest/wr.c prints it."""
    outcome = f"write: {error} ({getattr(errno, error)})" if error else f"ok ({len(text)})"
    text = text.replace("\n", "\\n")
    return f"  wrote {text} > {path}: {outcome}"


def is_replayable(played):
    """Whether the transcript has every write in order: not if the daemon wrote, which does so at times of its own."""
    return "daemon.log" not in os.listdir(played)


def writes(played, number):
    """The writes of an `apply` in order. That of a process that disturbed it follows the one that it waited for."""
    disturbance = read_text(played, f"{number}.disturbance").splitlines()
    for activity in json.loads(read_text(played, f"{number}.apply.json")).get("activities", []):
        if activity["activity"] != "write":
            continue
        yield answer(activity["text"], activity["path"], activity.get("errno"))
        # A queue has two paths, below the bus and below its card.
        if disturbance and activity["path"].split("/")[-2:] == disturbance[0].split("/")[-2:]:
            said = read_text(played, f"{number}.disturbed").splitlines()[-1]
            yield answer(disturbance[2], disturbance[1], said.split(" ")[1] if said != "ok" else None)
            disturbance = []


def steps(played):
    """The transcript, with the writes of each `apply` after it."""
    lines = []
    for line in read_text(played, "walk.steps").splitlines():
        lines.append(line)
        if found := BEGIN.fullmatch(line):
            lines += writes(played, found[1])
    return "\n".join(lines) + "\n"


def kernel_version(played):
    """`6.1` of `Linux 6.1.0-56-amd64`, the first line of the transcript."""
    return ".".join(read_text(played, "walk.steps").split("\n")[0].split(" ")[1].split(".")[:2])


def record(played, directory):
    """Writes the transcript below the kernel's version, and of each `apply` that was not disturbed the machine
    before it, the rules, the mechanism or what it changed over to, and the owners afterwards."""
    directory = os.path.join(directory, kernel_version(played))
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    with open(os.path.join(directory, "walk.steps"), "w") as file:
        file.write(steps(played))
    shutil.copy(os.path.join(played, "walk.events"), directory)
    number = 1
    while report := read_text(played, f"{number}.apply.json"):
        target = read_text(played, f"{number}.changeover")
        if not read_text(played, f"{number}.disturbed"):
            for part in ("machine.json", "rules", "after"):
                shutil.copy(os.path.join(played, f"{number}.{part}"), directory)
            with open(os.path.join(directory, f"{number}.mechanism"), "w") as file:
                file.write(f"changeover {target}" if target else json.loads(report)["mechanism"] + "\n")
        number += 1
