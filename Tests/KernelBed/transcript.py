# SPDX-License-Identifier: Apache-2.0
"""Makes test data from the results of a scenario, in the format of Tests/Captures."""
import json
import os
import re
import shutil

from judge import read_text

BEGIN = re.compile(r"# apply (\d+) begins")


def answer(write):
    """A write of apreserve with the kernel's answer, as guest/wr.c prints it."""
    text = write["text"]
    outcome = f"write: {write['errno']}" if "errno" in write else f"ok ({len(text)})"
    text = text.replace("\n", "\\n")
    return f"  wrote {text} > {write['path']}: {outcome}"


def is_replayable(played):
    """Whether the transcript has every write in order: not if another process or the daemon wrote, too."""
    return not any(name.endswith((".disturbed", "daemon.log")) for name in os.listdir(played))


def steps(played):
    """The transcript, with the writes of each `apply` after it."""
    lines = []
    for line in read_text(played, "walk.steps").splitlines():
        lines.append(line)
        if found := BEGIN.fullmatch(line):
            report = json.loads(read_text(played, f"{found[1]}.apply.json"))
            lines += [answer(a) for a in report["activities"] if a["activity"] == "write"]
    return "\n".join(lines) + "\n"


def kernel_version(played):
    """`6.1` of `Linux 6.1.0-56-amd64`, the first line of the transcript."""
    return ".".join(read_text(played, "walk.steps").split("\n")[0].split(" ")[1].split(".")[:2])


def record(played, directory):
    """Writes the transcript below the kernel's version, and of each `apply` the machine before it, the
    rules, the mechanism, and the owners afterwards."""
    directory = os.path.join(directory, kernel_version(played))
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    with open(os.path.join(directory, "walk.steps"), "w") as file:
        file.write(steps(played))
    shutil.copy(os.path.join(played, "walk.events"), directory)
    number = 1
    while report := read_text(played, f"{number}.apply.json"):
        for part in ("machine.json", "rules", "after"):
            shutil.copy(os.path.join(played, f"{number}.{part}"), directory)
        with open(os.path.join(directory, f"{number}.mechanism"), "w") as file:
            file.write(json.loads(report)["mechanism"] + "\n")
        number += 1
