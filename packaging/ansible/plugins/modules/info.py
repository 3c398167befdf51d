#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: info
short_description: Read queues, guests, plan and status of a host
version_added: 0.1.0
description:
  - Returns the JSON documents of C(apreserve), which C(apreserve schema) describes key by key.
  - Changes nothing. A daemon that is not running, or a host without an AP bus, is no failure.
options:
  subset:
    description:
      - What to read.
      - V(status) is the progress of the daemon, V(queues) every queue with its owner, V(guests) the guests and what
        they lack, V(plan) what would be moved now, and V(snapshot) the description of the machine that other
        commands read with C(--inventory).
    type: list
    elements: str
    choices: [status, queues, guests, plan, snapshot]
    default: [status, queues, guests]
  redact:
    description:
      - Replace serial numbers, key patterns, UUIDs and names in the snapshot.
      - Rules that match C(HOST) no longer match such a machine.
    type: bool
    default: false
extends_documentation_fragment:
  - apreserve.ap.program
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: apreserve.ap.rules
"""

EXAMPLES = r"""
- name: Read what the queues are used for
  apreserve.ap.info:
  register: host

- name: Name the guests that lack something
  ansible.builtin.debug:
    msg: "{{ host.guests | rejectattr('state', 'in', ['ready', 'running']) | map(attribute='name') }}"

- name: Read the machine, to plan changes of its rules elsewhere
  apreserve.ap.info:
    subset: [snapshot]
  register: host

- name: Keep it beside the rules
  ansible.builtin.copy:
    content: "{{ host.snapshot | to_nice_json }}"
    dest: "snapshots/{{ inventory_hostname }}.json"
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
bus:
  description: Whether the host has an AP bus, as far as what was read tells.
  type: bool
  returned: success
daemon:
  description: Whether the daemon has answered.
  type: bool
  returned: if O(subset) has V(status)
status:
  description: The document of C(apreserve status).
  type: dict
  returned: if O(subset) has V(status) and the daemon is running
queues:
  description: The queues of the document of C(apreserve list).
  type: list
  elements: dict
  returned: if O(subset) has V(queues) and there is an AP bus
  sample: [{"name": "05.0004", "owner": "vfio_ap", "state": "unassigned", "type": "CEX8C"}]
guests:
  description: The guests of the document of C(apreserve guest list).
  type: list
  elements: dict
  returned: if O(subset) has V(guests) and there is an AP bus
plan:
  description: The document of C(apreserve plan).
  type: dict
  returned: if O(subset) has V(plan) and there is an AP bus
snapshot:
  description: The document of C(apreserve snapshot).
  type: dict
  returned: if O(subset) has V(snapshot) and there is an AP bus
messages:
  description: What the program has said besides, such as that the rules have errors.
  type: list
  elements: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apreserve.ap.plugins.module_utils.program import (
    ARGUMENTS,
    DONE,
    FAILED,
    NO_BUS,
    PENDING,
    REFUSED,
    STATUS,
    Program,
)


class Subset(t.NamedTuple):
    """How a part is read: the command, the kind of its document, and the member that is returned, or all of it."""

    command: tuple[str, ...]
    kind: str
    member: str | None = None


SUBSETS = {
    "status": Subset(("status",), STATUS),
    "queues": Subset(("list",), "list", "queues"),
    "guests": Subset(("guest", "list"), "guest-list", "guests"),
    "plan": Subset(("plan",), "plan"),
    "snapshot": Subset(("snapshot",), "snapshot"),
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "subset": {
                "type": "list",
                "elements": "str",
                "choices": list(SUBSETS),
                "default": ["status", "queues", "guests"],
            },
            "redact": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    program = Program(module)
    result: dict[str, t.Any] = {"changed": False, "bus": True, "messages": []}
    for name in module.params["subset"]:
        subset = SUBSETS[name]
        command = [*subset.command]
        if name == "snapshot" and module.params["redact"]:
            command.append("--redact")
        answer, document = program.ask(subset.kind, *command, accept=(DONE, FAILED, PENDING, REFUSED, NO_BUS))
        result["messages"] += [message for message in answer.messages if message not in result["messages"]]
        if answer.status == NO_BUS:
            result["bus"] = False
        is_answered = document.get("apreserve") != "error"
        if name == STATUS:
            result["daemon"] = is_answered
        elif not is_answered and answer.status != NO_BUS:
            module.fail_json(msg=answer.sentence, status=answer.status, command=answer.command)
        if is_answered:
            result[name] = document if subset.member is None else document[subset.member]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
