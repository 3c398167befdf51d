# SPDX-License-Identifier: Apache-2.0
"""Rule files: where they are, which of them are read, and what they would be after a change."""

from __future__ import annotations

import os
import stat
import typing as t

#: Where the collection writes.
DIRECTORY = "/etc/apreserve/rules.d"

#: All directories of rule files. A name in an earlier one replaces the same name in a later one.
DIRECTORIES = (DIRECTORY, "/run/apreserve/rules.d", "/usr/local/lib/apreserve/rules.d", "/usr/lib/apreserve/rules.d")

#: What is written above rules that are given as a list.
HEADER = "# Written by Ansible, which overwrites changes.\n"

#: A larger file has too many rules in any case, and need not be read into memory.
LARGEST = 16 * 1024 * 1024


class InvalidFile(Exception):
    """A description of a rule file that makes no sense; the text says why."""


class RuleFile(t.NamedTuple):
    """A rule file as it is to be. No content means that it is to be removed."""

    name: str
    content: bytes | None

    @classmethod
    def described(cls, options: dict[str, t.Any]) -> RuleFile:
        """The file that the options name, content, rules and state describe."""
        name = options["name"]
        if not name.endswith(".rules") or name.startswith(".") or "/" in name or "\0" in name:
            raise InvalidFile(
                'name is "{0}", but the name of a rule file ends in .rules, has no directory, and does not begin with '
                "a dot".format(name)
            )
        given = [key for key in ("content", "rules") if options.get(key) is not None]
        if options.get("state") == "absent":
            if given:
                raise InvalidFile("{0}: {1} has no meaning with state=absent".format(name, given[0]))
            return cls(name, None)
        if len(given) != 1:
            raise InvalidFile("{0}: one of content and rules is required, and only one".format(name))
        if given == ["rules"]:
            text = HEADER + "".join(rule.rstrip("\n") + "\n" for rule in options["rules"])
        else:
            text = options["content"]
            if text and not text.endswith("\n"):
                text += "\n"
        return cls(name, text.encode("utf-8", "surrogateescape"))

    @property
    def description(self) -> dict[str, t.Any]:
        """The options that describe this file."""
        if self.content is None:
            return {"name": self.name, "state": "absent"}
        return {
            "name": self.name,
            "state": "present",
            "content": self.content.decode("utf-8", "surrogateescape"),
        }

    @property
    def text(self) -> str:
        return "" if self.content is None else self.content.decode("utf-8", "replace")


def names(directory: str) -> list[str]:
    """The names of the rule files in a directory, in the order in which they are read."""
    try:
        found = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted((name for name in found if name.endswith(".rules") and not name.startswith(".")), key=os.fsencode)


def read(path: str) -> bytes | None:
    """The content of a rule file, or None if there is none. A link to /dev/null counts as an empty file."""
    try:
        kind = os.stat(path).st_mode
    except OSError:
        return None
    if os.path.realpath(path) == os.devnull:
        return b""
    if not stat.S_ISREG(kind):
        return None
    with open(path, "rb") as file:
        return file.read(LARGEST)


def in_effect(directories: t.Iterable[str]) -> dict[str, bytes]:
    """The content of the files of the system by name, those that mask others included."""
    files: dict[str, bytes] = {}
    for directory in directories:
        for name in names(directory):
            content = read(os.path.join(directory, name))
            if content is not None:
                files.setdefault(name, content)
    return files


def is_as_described(file: RuleFile, directory: str) -> bool:
    """Whether nothing has to be written. A link, and a file that others can change, is replaced."""
    path = os.path.join(directory, file.name)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return file.content is None
    return (
        file.content is not None
        and stat.S_ISREG(found.st_mode)
        and found.st_uid == os.geteuid()
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        and read(path) == file.content
    )
