# SPDX-License-Identifier: Apache-2.0
"""The head of a scenario file, which the host needs. The guest runs the rest."""
import os
import re

HEADER = re.compile(r"# (machine|load|needs|root|packages): (.*)")
RULES = re.compile(r"^rules <<'END'\n(.*?)^END$", re.M | re.S)


class Scenario:
    """`title`, `machine` (the bus's parameters), `load` (an apload flavour), `needs`, `root`,
    `packages` (of Debian, for systemd), `reboots`, `rules` (the first of them), `path`."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).removesuffix(".scenario")
        with open(path) as file:
            lines = file.read().split("\n")
        self.title = lines[0].removeprefix("# ")
        head = dict(m.groups() for m in map(HEADER.fullmatch, lines) if m)
        if "machine" not in head:
            raise SystemExit(f"{path}: there is no line \"# machine: hw_cards=... hw_doms=...\"")
        self.machine = head["machine"].split()
        self.needs = head.get("needs", "")
        if self.needs not in ("", "masks", "override", "sim"):
            raise SystemExit(f"{path}: \"# needs:\" takes masks, override or sim, not {self.needs}")
        self.root = head.get("root", "busybox")
        self.load = head.get("load", {"sim": "sim"}.get(self.needs, "boot" if self.root == "systemd" else "real"))
        self.packages = head.get("packages", "").split()
        self.reboots = "reboot" in lines
        if (self.packages or self.reboots) and self.root != "systemd":
            raise SystemExit(f"{path}: packages and a reboot need \"# root: systemd\"")
        first = RULES.search("\n".join(lines))
        self.rules = first.group(1) if first else ""

    def runs_on(self, kernel):
        """Whether the kernel has what the scenario needs. `debian` is Linux 6.1, and has the module of 2018."""
        has_override = kernel.startswith("src-") and version_of(kernel) >= (6, 19)
        match self.needs:
            case "override": return has_override
            case "masks": return not has_override
            case "sim": return kernel == "debian"
            case _: return True


def version_of(kernel):
    """(6, 12) of `src-6.12`."""
    return tuple(int(part) for part in kernel.removeprefix("src-").split(".")[:2])


def load_all(directory, names):
    """The scenarios of a directory with these names; all without names."""
    files = sorted(f for f in os.listdir(directory) if f.endswith(".scenario"))
    known = [f.removesuffix(".scenario") for f in files]
    for name in names:
        if name not in known:
            raise SystemExit(f"unknown scenario {name}; write one of {', '.join(known)}")
    return [Scenario(os.path.join(directory, f)) for f, n in zip(files, known) if not names or n in names]
