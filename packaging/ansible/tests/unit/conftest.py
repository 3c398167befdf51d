# SPDX-License-Identifier: Apache-2.0
"""Runs modules in this process, with a program that answers from a table."""

from __future__ import annotations

import importlib
import json
import typing as t

import pytest

from ansible.module_utils import basic
from ansible_collections.apreserve.ap.plugins.module_utils import rule_files

#: What the program answers: status, standard output, messages.
Answer = t.Tuple[int, t.Any, str]


class Ended(Exception):
    """A module has ended, with this result."""


class Host:
    """A host with a program, and with directories of rule files."""

    def __init__(self, tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directories = [tmp_path / name for name in ("etc", "run", "local", "usr")]
        self.tmpdir = tmp_path / "tmp"
        for directory in [*self.directories, self.tmpdir]:
            directory.mkdir()
        monkeypatch.setattr(rule_files, "DIRECTORY", str(self.directories[0]))
        monkeypatch.setattr(rule_files, "DIRECTORIES", tuple(map(str, self.directories)))
        self._monkeypatch = monkeypatch
        #: By the first words of the command; the longest match counts. A function gets all words.
        self.answers: dict[str, Answer | t.Callable[[list[str]], Answer]] = {}
        self.commands: list[list[str]] = []
        self.missing: set[str] = set()
        self.input: dict[str, str] = {}

    def write(self, text: str, name: str, directory: int = 0) -> None:
        (self.directories[directory] / name).write_text(text)

    @property
    def files(self) -> dict[str, str]:
        """The files in the directory that the module writes to, hidden ones included."""
        return {path.name: path.read_text() for path in self.directories[0].iterdir()}

    def _command(self, command: list[str], check_rc: bool = False, **_options: t.Any) -> Answer:
        words = [command[0].rsplit("/", 1)[-1], *command[1:]]
        self.commands.append(words)
        for count in range(len(words), 0, -1):
            answer = self.answers.get(" ".join(words[:count]))
            if answer is not None:
                status, output, messages = answer(words) if callable(answer) else answer
                assert not (check_rc and status), messages
                return status, output if isinstance(output, str) else json.dumps(output), messages
        raise AssertionError("nothing is known about {0}".format(" ".join(words)))

    def _path(self, module: t.Any, name: str, required: bool = False, **_options: t.Any) -> str | None:
        if name not in self.missing:
            return "/usr/bin/" + name
        if required:
            module.fail_json(msg=name + " is missing")
        return None

    def run(self, module_name: str, /, check: bool = False, **parameters: t.Any) -> dict[str, t.Any]:
        """Runs a module, and returns its result, in which "failed" says whether it has failed."""
        module = importlib.import_module("ansible_collections.apreserve.ap.plugins.modules." + module_name)
        arguments = {**parameters, "_ansible_check_mode": check, "_ansible_tmpdir": str(self.tmpdir)}
        patch = self._monkeypatch
        patch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        patch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        patch.setattr(basic.AnsibleModule, "tmpdir", str(self.tmpdir))

        def run_command(module: t.Any, command: list[str], **options: t.Any) -> Answer:
            return self._command(command, **options)

        def get_bin_path(module: t.Any, name: str, **options: t.Any) -> str | None:
            return self._path(module, name, **options)

        patch.setattr(basic.AnsibleModule, "run_command", run_command)
        patch.setattr(basic.AnsibleModule, "get_bin_path", get_bin_path)

        def end(**result: t.Any) -> t.NoReturn:
            raise Ended(result)

        patch.setattr(basic.AnsibleModule, "exit_json", lambda _module, **result: end(failed=False, **result))
        patch.setattr(basic.AnsibleModule, "fail_json", lambda _module, **result: end(failed=True, **result))
        with pytest.raises(Ended) as ended:
            module.main()
        return dict(ended.value.args[0])


@pytest.fixture
def host(tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)
