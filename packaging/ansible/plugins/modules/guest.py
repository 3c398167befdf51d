#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: guest
short_description: Define the mediated device of a guest
version_added: 0.1.0
description:
  - Defines the mediated device through which a guest has queues, by C(apreserve guest define) and C(mdevctl), or
    removes the definition.
  - A definition that contradicts another guest that starts at boot is refused.
  - The device itself is never started, changed or stopped. A guest that runs keeps what it has, and the definition
    applies from the next start of the device.
options:
  name:
    description:
      - The name of the guest. The UUID of the device follows from it, the same on every host.
    type: str
    required: true
  state:
    description:
      - Whether there is to be a definition.
    type: str
    choices: [present, absent]
    default: present
  adapters:
    description:
      - Its adapters, as in rules, such as V(5) or V(0x0a-0x0c). From ten on, C(0x) is required, and in YAML quotes
        are, because YAML would make a decimal number of it.
    type: list
    elements: str
  domains:
    description:
      - Its usage domains, written likewise.
    type: list
    elements: str
  control_domains:
    description:
      - Its control domains, written likewise.
    type: list
    elements: str
  from_rules:
    description:
      - All queues that rules with this C(NAME) reserve, instead of O(adapters) and O(domains).
    type: str
  uuid:
    description:
      - The UUID of the mediated device, instead of the one that follows from the name.
    type: str
  auto:
    description:
      - Start the mediated device at boot.
    type: bool
    default: false
notes:
  - mdevctl before version 1.3 cannot replace a definition. It is removed and defined again then, and put back if that
    fails. Rules with C(GUEST) do not find it for that moment.
extends_documentation_fragment:
  - apreserve.ap.program
requirements:
  - mdevctl on the host
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: apreserve.ap.settled
"""

EXAMPLES = r"""
- name: Define the guest web1
  apreserve.ap.guest:
    name: web1
    adapters: ["5", "6"]
    domains: ["4"]
    auto: true

- name: Define a guest that gets what rules reserve for it
  apreserve.ap.guest:
    name: db1
    from_rules: db

- name: Remove the definition of a guest
  apreserve.ap.guest:
    name: web1
    state: absent
"""

RETURN = r"""
uuid:
  description: The UUID of the mediated device.
  type: str
  returned: success
definition:
  description: The document of C(apreserve guest define), which has the definition in all forms.
  type: dict
  returned: if O(state) is V(present)
findings:
  description: What is wrong with the definition on this host.
  type: list
  elements: str
  returned: if O(state) is V(present)
active:
  description: Whether the mediated device exists now, with whatever matrix it has.
  type: bool
  returned: success
"""

import json
import os
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apreserve.ap.plugins.module_utils.program import ARGUMENTS, DONE, REFUSED, Program

#: What makes two definitions the same.
KEYS = ("start", "adapters", "domains", "controlDomains")


class Definition:
    """The definition of one mediated device on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.program = Program(module)
        arguments = ["guest", "define", module.params["name"]]
        for option in ("adapters", "domains", "control_domains"):
            if module.params[option] is not None:
                arguments += ["--" + option.replace("_", "-"), ",".join(module.params[option])]
        for option in ("from_rules", "uuid"):
            if module.params[option] is not None:
                arguments += ["--" + option.replace("_", "-"), module.params[option]]
        if module.params["auto"]:
            arguments.append("--auto")
        if module.params["state"] == "absent" and len(arguments) == (5 if module.params["uuid"] else 3):
            # Only the UUID counts, and the program asks for a matrix.
            arguments += ["--adapters", "0", "--domains", "0"]
        self._define = arguments
        _answer, self.wanted = self.program.ask("guest-definition", *arguments)
        _answer, guests = self.program.ask("guest-list", "guest", "list")
        self.found: dict[str, t.Any] = next(
            (guest for guest in guests["guests"] if guest["uuid"] == self.uuid), {"defined": False, "active": False}
        )

    @property
    def uuid(self) -> str:
        return str(self.wanted["uuid"])

    @property
    def is_as_wanted(self) -> bool:
        return bool(
            self.found["defined"]
            and not self.found["problems"]
            and all(self.found.get(key) == self.wanted[key] for key in KEYS)
        )

    def refusals(self) -> list[str]:
        """What contradicts another guest, which the program refuses to define."""
        return [finding["message"] for finding in self.wanted["findings"] if finding["severity"] == "error"]

    def write(self) -> None:
        if not self.found["defined"]:
            self.program.run(*self._define, "--apply")
        elif "--jsonfile" in self._mdevctl("modify", "--help"):
            with self._file(self.wanted["mdevctl"]) as file:
                self._mdevctl("modify", "--uuid", self.uuid, "--parent", "matrix", "--jsonfile", file.name)
        else:
            self._replace()

    def remove(self) -> None:
        self._mdevctl("undefine", "--uuid", self.uuid, "--parent", "matrix")

    def _replace(self) -> None:
        before = json.loads(self._mdevctl("list", "--defined", "--dumpjson", "--uuid", self.uuid, "--parent", "matrix"))
        self.remove()
        answer = self.program.run(*self._define, "--apply", accept=None)
        if answer.status != DONE:
            with self._file(before) as file:
                self._mdevctl("define", "--uuid", self.uuid, "--parent", "matrix", "--jsonfile", file.name)
            self.module.fail_json(
                msg="{0}\nThe definition from before is in place again.".format(answer.sentence), status=answer.status
            )

    def _file(self, document: t.Any) -> t.Any:
        file = tempfile.NamedTemporaryFile("w", dir=self.module.tmpdir, suffix=".json")
        json.dump(document, file)
        file.flush()
        return file

    def _mdevctl(self, *arguments: str) -> str:
        path = self.module.get_bin_path("mdevctl", required=True)
        _status, output, _messages = self.module.run_command([path, *arguments], check_rc=True)
        return str(output)


def shown(definition: dict[str, t.Any]) -> str:
    """A definition as a text, for diff mode."""
    if not definition.get("defined", True):
        return ""
    lines = []
    for key in KEYS:
        value = definition.get(key)
        if isinstance(value, list):
            value = " ".join("0x{0:02x}".format(number) for number in value)
        lines.append("{0}: {1}".format(key, value).rstrip())
    return "\n".join(lines) + "\n"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "adapters": {"type": "list", "elements": "str"},
            "domains": {"type": "list", "elements": "str"},
            "control_domains": {"type": "list", "elements": "str"},
            "from_rules": {"type": "str"},
            "uuid": {"type": "str"},
            "auto": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("from_rules", "adapters"), ("from_rules", "domains")],
        required_if=[("state", "present", ("adapters", "from_rules"), True)],
        supports_check_mode=True,
    )
    definition = Definition(module)
    is_wanted = module.params["state"] == "present"
    result: dict[str, t.Any] = {"uuid": definition.uuid, "active": definition.found["active"]}
    if is_wanted:
        result["definition"] = definition.wanted
        result["findings"] = [finding["message"] for finding in definition.wanted["findings"]]
        changed = not definition.is_as_wanted
        refusals = definition.refusals()
        if changed and refusals:
            module.fail_json(msg="\n".join(refusals), status=REFUSED, **result)
    else:
        changed = definition.found["defined"]
    if changed and not module.check_mode:
        if is_wanted:
            definition.write()
        else:
            definition.remove()
    module.exit_json(
        changed=changed,
        diff={
            "before_header": os.path.join("mdevctl", definition.uuid),
            "after_header": os.path.join("mdevctl", definition.uuid),
            "before": shown(definition.found),
            "after": shown(definition.wanted) if is_wanted else "",
        },
        **result,
    )


if __name__ == "__main__":
    main()
