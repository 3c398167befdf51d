# SPDX-License-Identifier: Apache-2.0
"""What the documentation of all modules has in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  program:
    description:
      - The program C(apreserve) on the host, as a path, or as a name that is looked for in E(PATH) and in the
        directories of system programs.
    type: str
    default: apreserve
requirements:
  - apreserve on the host
author:
  - The apreserve authors (!UNKNOWN)
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
  diff_mode:
    description: Says in diff mode what has changed, or in check mode what would change.
"""
