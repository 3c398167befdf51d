# SPDX-License-Identifier: Apache-2.0
"""The program apreserve, as modules run it: what it is asked, and the documents that it answers."""

from __future__ import annotations

import json
import typing as t

from ansible.module_utils.basic import AnsibleModule

#: The exit statuses of apreserve(1).
DONE, FAILED, PENDING, REFUSED, NO_BUS, USAGE = 0, 1, 2, 3, 4, 64

#: The option of a module that names the program.
ARGUMENTS: dict[str, dict[str, t.Any]] = {"program": {"type": "str", "default": "apreserve"}}

#: The kind of the daemon's status.
STATUS = "status"

#: The version of the documents that this collection knows. A later one can have other keys.
DOCUMENT_VERSION = 1


class Answer:
    """What one run of the program has said."""

    def __init__(self, command: list[str], status: int, output: str, messages: str) -> None:
        self.command = command
        self.status = status
        self.output = output
        self.messages = [
            line[len("apreserve: "):] if line.startswith("apreserve: ") else line
            for line in messages.splitlines()
            if line.strip()
        ]

    @property
    def sentence(self) -> str:
        """Why it has failed, for people."""
        return "\n".join(self.messages) or "{0} has ended with status {1}".format(
            " ".join(self.command), self.status
        )


class Program:
    """The program on the host that the module runs on."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self.path: str | None = module.get_bin_path(module.params["program"])

    def require(self) -> None:
        """Ends the module if the program is not installed."""
        if self.path is None:
            self._module.fail_json(
                msg="{0} is not installed on this host: install the package, or name the program with the "
                "parameter program".format(self._module.params["program"])
            )

    def run(self, *arguments: str, accept: t.Iterable[int] | None = (DONE,)) -> Answer:
        """Runs a command. Ends the module if its status is not accepted; None accepts everything."""
        self.require()
        command = [str(self.path), *arguments]
        status, output, messages = self._module.run_command(
            command, environ_update={"NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        )
        answer = Answer(command, status, output, messages)
        if accept is not None and status not in accept:
            self._module.fail_json(msg=answer.sentence, status=status, command=command)
        return answer

    def ask(self, kind: str, *arguments: str, accept: t.Iterable[int] = (DONE,)) -> tuple[Answer, dict[str, t.Any]]:
        """Runs a command with --json. An accepted failure can have a document of the kind "error" instead.

        The status is what the daemon answers, which has no kind, and whose version is that of the daemon."""
        answer = self.run(*arguments, "--json", accept=accept)
        try:
            document = json.loads(answer.output)
        except ValueError:
            document = None
        is_known = isinstance(document, dict) and (
            (document.get("apreserve") in (kind, "error") and document.get("version") == DOCUMENT_VERSION)
            or (kind == STATUS and "apreserve" not in document)
        )
        if not is_known:
            self._module.fail_json(
                msg="{0} does not print the document {1} in version {2}, which this version of the collection "
                "needs; {3}".format(" ".join(answer.command), kind, DOCUMENT_VERSION, answer.sentence)
            )
        return answer, t.cast("dict[str, t.Any]", document)
