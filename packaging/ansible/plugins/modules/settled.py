#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: settled
short_description: Wait until queues are reserved
version_added: 0.1.0
description:
  - Waits until the daemon of apreserve has reserved everything that the rules request, or knows that it cannot.
  - Fails if a queue that counts is not reserved and usable, and names it with the reason.
  - Changes of rule files from before the task count, whether the daemon was reloaded or not.
options:
  require:
    description:
      - Only these queues count, written as in rules.
    type: str
  label:
    description:
      - Only queues of rules with this C(NAME) count.
    type: str
  guest:
    description:
      - Only queues of this guest count, which is a virtual machine, or the UUID of a mediated device.
    type: str
  timeout:
    description:
      - Wait at most this many seconds.
    type: int
    default: 60
notes:
  - What the rules of a task in check mode would reserve cannot be waited for. In check mode this module is skipped;
    M(apreserve.ap.rules) shows the plan.
extends_documentation_fragment:
  - apreserve.ap.program
attributes:
  check_mode:
    support: none
  diff_mode:
    support: none
seealso:
  - module: apreserve.ap.rules
  - module: apreserve.ap.info
"""

EXAMPLES = r"""
- name: Wait for everything that the rules request
  apreserve.ap.settled:

- name: Wait for the queues of the web guests on two adapters
  apreserve.ap.settled:
    require: 05-06.0004
    label: web
    timeout: 120

- name: Wait for what one guest needs
  apreserve.ap.settled:
    guest: web1
"""

RETURN = r"""
message:
  description: The line in which the program says what has become of the queues.
  type: str
  returned: success
  sample: 2 of 2 queues reserved
status:
  description: The exit status of C(apreserve settle).
  type: int
  returned: failure
  sample: 3
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apreserve.ap.plugins.module_utils.program import ARGUMENTS, DONE, FAILED, REFUSED, Program


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "require": {"type": "str"},
            "label": {"type": "str"},
            "guest": {"type": "str"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=False,
    )
    if module.params["timeout"] < 0:
        module.fail_json(msg="timeout is {0}, but cannot be negative".format(module.params["timeout"]))
    arguments = ["settle", "--timeout", str(module.params["timeout"])]
    for option, parameter in (("--require", "require"), ("--name", "label"), ("--guest", "guest")):
        if module.params[parameter] is not None:
            arguments += [option, module.params[parameter]]
    answer = Program(module).run(*arguments, accept=(DONE, FAILED, REFUSED))
    # What is not reserved is listed on standard output, errors are messages.
    said = answer.output.strip()
    if answer.status != DONE:
        module.fail_json(
            msg="\n".join(part for part in (said, "\n".join(answer.messages)) if part) or answer.sentence,
            status=answer.status,
        )
    module.exit_json(changed=False, message=said)


if __name__ == "__main__":
    main()
