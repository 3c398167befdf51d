#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: rules
short_description: Install rule files that reserve queues
version_added: 0.1.0
description:
  - Writes rule files of apreserve to C(/etc/apreserve/rules.d), or removes them.
  - Before anything is written, the rules that would then be in effect on the host, those of all its directories
    together, are checked there by C(apreserve verify), and C(apreserve plan --diff) shows what they would change. With
    errors, or if the host would refuse something that it does not refuse now, the module fails and writes nothing.
  - The daemon puts changed files in force by itself. Files that belong together are given in one task, because the
    daemon could otherwise act on the first one before the second one is written, and give queues back in between.
  - No queue is moved by this module itself. C(apreserve reload) makes the daemon take over the files at once, and
    M(apreserve.ap.settled) waits for the result.
options:
  name:
    description:
      - The name of the one file that this task is about, which ends in C(.rules).
    type: str
  content:
    description:
      - The content of the file.
      - Empty content masks a file of the same name in another directory.
    type: str
  rules:
    description:
      - The rules of the file, one in each element, instead of O(content).
    type: list
    elements: str
  state:
    description:
      - Whether the file is to be there.
    type: str
    choices: [present, absent]
    default: present
  files:
    description:
      - Several files, instead of O(name).
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the file, which ends in C(.rules).
        type: str
        required: true
      content:
        description: The content of the file.
        type: str
      rules:
        description: The rules of the file, instead of the content.
        type: list
        elements: str
      state:
        description: Whether the file is to be there.
        type: str
        choices: [present, absent]
        default: present
  exclusive:
    description:
      - Remove all other rule files in C(/etc/apreserve/rules.d).
    type: bool
    default: false
  strict:
    description:
      - Fail on warnings about the rules, too.
    type: bool
    default: false
  accept_refusals:
    description:
      - Write the files even if the host would refuse something that it does not refuse now.
      - What is refused is returned then.
    type: bool
    default: false
  allow_empty:
    description:
      - Permit a change after which the host has no rule at all.
      - The next C(apreserve reload) gives everything back then.
    type: bool
    default: false
  verify:
    description:
      - Check the rules before the files are written.
      - Without that, the files are written whatever the host would say to them. This is for going back to files from
        before, which can have errors. O(strict), O(accept_refusals) and O(allow_empty) have no meaning then.
    type: bool
    default: true
notes:
  - The module runs as root, because the daemon accepts only files of root.
  - In check mode on a host where C(apreserve) is not installed yet, the files are compared, and nothing is verified.
extends_documentation_fragment:
  - apreserve.ap.program
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: apreserve.ap.settled
  - module: apreserve.ap.info
"""

EXAMPLES = r"""
- name: Reserve the queues of the web guests
  apreserve.ap.rules:
    name: 50-web.rules
    rules:
      - ADAPTER=="5|6", DOMAIN=="4", RESERVE="vfio_ap", NAME="web"
  notify: Reload apreserve

- name: Have exactly the rule files of the repository on the host
  apreserve.ap.rules:
    files:
      - name: 10-host.rules
        content: "{{ lookup('ansible.builtin.file', 'rules/10-host.rules') }}"
      - name: 50-web.rules
        content: "{{ lookup('ansible.builtin.file', 'rules/50-web.rules') }}"
    exclusive: true
  register: change

- name: Go back to the files from before that change
  apreserve.ap.rules:
    files: "{{ change.before }}"
    verify: false
"""

RETURN = r"""
files:
  description: The names of the files that have been written or removed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [50-web.rules]
before:
  description: What these files were before, in the form of O(files), so that another task can go back to it.
  type: list
  elements: dict
  returned: success
plan:
  description: What changes on the host because of the change of the rules, as C(apreserve plan --diff) prints it.
  type: list
  elements: str
  returned: if something changes, O(verify) is true, and the host has an AP bus
difference:
  description: The same as a document.
  type: dict
  returned: if something changes, O(verify) is true, and the host has an AP bus
refused:
  description: What the host would refuse and does not refuse now, with the reason.
  type: list
  elements: str
  returned: if something changes, O(verify) is true, and the host has an AP bus
rule_warnings:
  description: What C(apreserve verify) warns of.
  type: list
  elements: str
  returned: if something changes and O(verify) is true
"""

import os
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apreserve.ap.plugins.module_utils import rule_files
from ansible_collections.apreserve.ap.plugins.module_utils.program import (
    ARGUMENTS,
    DONE,
    FAILED,
    NO_BUS,
    PENDING,
    REFUSED,
    Program,
)
from ansible_collections.apreserve.ap.plugins.module_utils.rule_files import RuleFile


class RuleSet:
    """A copy of all rule files of the host in one directory, as they are or as they would be."""

    def __init__(self, module: AnsibleModule, files: dict[str, bytes]) -> None:
        self.directory = tempfile.mkdtemp(prefix="apreserve-", dir=module.tmpdir)
        # The program asks for at least one file.
        for name, content in (files or {"none.rules": b"# There is no rule.\n"}).items():
            with open(os.path.join(self.directory, name), "wb") as file:
                file.write(content)

    def verify(self, program: Program, strict: bool = False) -> Verdict:
        options = ["--strict"] if strict else []
        _answer, document = program.ask("verify", "verify", self.directory, *options, accept=(DONE, FAILED))
        return Verdict(self, document)

    def real(self, text: str) -> str:
        """A text of the program about these copies as a text about the files themselves."""
        return text.replace(self.directory + os.sep, "")


class Verdict:
    """What "apreserve verify" has said about a set."""

    def __init__(self, rules: RuleSet, document: dict[str, t.Any]) -> None:
        self._rules = rules
        self._diagnostics = document.get("diagnostics", [])
        # A set that cannot be read at all is answered with a document of the kind "error".
        self._messages = document.get("messages", [])
        self.count: int = document.get("rules", 0)

    def sentences(self, *severities: str) -> list[str]:
        found = []
        for diagnostic in self._diagnostics:
            if diagnostic["severity"] in severities:
                place = diagnostic["file"]
                span = diagnostic.get("span")
                if span:
                    place += ":{0}:{1}".format(span["line"], span["column"])
                found.append(self._rules.real("{0}: {1}".format(place, diagnostic["message"])))
        if "error" in severities:
            found += [self._rules.real(message) for message in self._messages]
        return found


class Change:
    """A change of the rule files of this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.program = Program(module)
        self.directory = rule_files.DIRECTORY
        wanted = {file.name: file for file in self._described()}
        if module.params["exclusive"]:
            for name in rule_files.names(self.directory):
                wanted.setdefault(name, RuleFile(name, None))
        self.files = [
            wanted[name] for name in sorted(wanted) if not rule_files.is_as_described(wanted[name], self.directory)
        ]
        self.before = [RuleFile(file.name, rule_files.read(self._path(file))) for file in self.files]
        self.result: dict[str, t.Any] = {
            "changed": bool(self.files),
            "files": [file.name for file in self.files],
            "before": [file.description for file in self.before],
        }

    def _described(self) -> list[RuleFile]:
        parameters = self.module.params
        descriptions = [parameters] if parameters["files"] is None else parameters["files"]
        try:
            files = [RuleFile.described(description) for description in descriptions]
        except rule_files.InvalidFile as error:
            self.module.fail_json(msg=str(error))
        names = [file.name for file in files]
        for name in names:
            if names.count(name) > 1:
                self.module.fail_json(msg="{0} is described more than once".format(name))
        return files

    def _path(self, file: RuleFile) -> str:
        return os.path.join(self.directory, file.name)

    def examine(self) -> None:
        """Ends the module if the host does not accept the rules that would then be in effect."""
        now = RuleSet(self.module, rule_files.in_effect(rule_files.DIRECTORIES))
        then = RuleSet(self.module, self._rules_then())
        verdict = then.verify(self.program, strict=self.module.params["strict"])
        errors = verdict.sentences(*(("error", "warning") if self.module.params["strict"] else ("error",)))
        if errors:
            self._refuse("the rules would have errors on this host:", errors)
        self.result["rule_warnings"] = verdict.sentences("warning")
        verdict_now = now.verify(self.program)
        if verdict.count == 0 and verdict_now.count > 0 and not self.module.params["allow_empty"]:
            self._refuse(
                "the host would have no rule at all, and would give back everything that is reserved; "
                "allow_empty permits that",
                [],
            )
        # Of a set with errors none is used, so that there is nothing to compare with.
        self._plan(RuleSet(self.module, {}) if verdict_now.sentences("error") else now, then)
        if self.result.get("refused") and not self.module.params["accept_refusals"]:
            self._refuse("the host would refuse what the rules request:", self.result["refused"])

    def _rules_then(self) -> dict[str, bytes]:
        """The files by name after the change. A file that is removed uncovers one of another directory."""
        others = rule_files.in_effect(rule_files.DIRECTORIES[1:])
        changed = {file.name: file.content for file in self.files}
        for name in rule_files.names(self.directory):
            if name not in changed:
                changed[name] = rule_files.read(os.path.join(self.directory, name))
        others.update((name, content) for name, content in changed.items() if content is not None)
        return others

    def _plan(self, now: RuleSet, then: RuleSet) -> None:
        compare = ("plan", "--diff", now.directory, then.directory)
        accept = (DONE, PENDING, REFUSED, NO_BUS)
        answer, document = self.program.ask("plan-difference", *compare, accept=accept)
        if answer.status == NO_BUS:
            self.module.warn("this host has no AP bus, so that there is no plan: {0}".format(answer.sentence))
            return
        self.result["difference"] = document
        self.result["refused"] = [
            then.real(queue["to"]["refusal"]["message"]) for queue in document["refused"] if "refusal" in queue["to"]
        ] or [queue["queue"] + " is refused" for queue in document["refused"]]
        text = self.program.run(*compare, accept=accept).output
        self.result["plan"] = [
            line
            for line in text.splitlines()
            if line != "--- " + now.directory and line != "+++ " + then.directory
        ]

    def _refuse(self, reason: str, details: list[str]) -> None:
        self.module.fail_json(
            msg="\n".join([reason, *("  " + detail.replace("\n", "\n  ") for detail in details)]),
            **{**self.result, "changed": False},
        )

    @property
    def difference(self) -> list[dict[str, str]]:
        """For diff mode: the files, and then the plan."""
        parts = [
            {
                "before_header": self._path(file),
                "after_header": self._path(file),
                "before": before.text,
                "after": file.text,
            }
            for before, file in zip(self.before, self.files)
        ]
        if "plan" in self.result:
            parts.append({"prepared": "\n".join(self.result["plan"]).strip("\n") + "\n"})
        return parts

    def write(self) -> None:
        """Writes all files beside their places first, so that the daemon, which waits until files rest, finds the
        whole change or nothing. It ignores hidden files."""
        os.makedirs(self.directory, mode=0o755, exist_ok=True)
        written: list[tuple[str, str]] = []
        try:
            for file in self.files:
                if file.content is not None:
                    descriptor, path = tempfile.mkstemp(dir=self.directory, prefix=".ansible-")
                    written.append((path, self._path(file)))
                    with os.fdopen(descriptor, "wb") as stream:
                        os.fchmod(descriptor, 0o644)
                        stream.write(file.content)
                        stream.flush()
                        os.fsync(descriptor)
            while written:
                os.rename(*written[0])
                written.pop(0)
        finally:
            for path, _destination in written:
                os.unlink(path)
        for file in self.files:
            if file.content is None:
                os.unlink(self._path(file))


def main() -> None:
    entry: dict[str, dict[str, t.Any]] = {
        "content": {"type": "str"},
        "rules": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            **entry,
            "name": {"type": "str"},
            "files": {
                "type": "list",
                "elements": "dict",
                "options": {"name": {"type": "str", "required": True}, **entry},
            },
            "exclusive": {"type": "bool", "default": False},
            "strict": {"type": "bool", "default": False},
            "accept_refusals": {"type": "bool", "default": False},
            "allow_empty": {"type": "bool", "default": False},
            "verify": {"type": "bool", "default": True},
        },
        required_one_of=[("name", "files")],
        mutually_exclusive=[("name", "files"), ("content", "rules"), ("files", "content"), ("files", "rules")],
        supports_check_mode=True,
    )
    change = Change(module)
    if change.files and module.params["verify"]:
        if change.program.path is None and module.check_mode:
            module.warn("apreserve is not installed on this host, so that the rules cannot be verified")
        else:
            change.examine()
    change.result["diff"] = change.difference
    if change.files and not module.check_mode:
        change.write()
    module.exit_json(**change.result)


if __name__ == "__main__":
    main()
