# SPDX-License-Identifier: Apache-2.0
"""Connects to a simulated host: the namespaces of a process on this machine, such as the first one of a container."""

from __future__ import annotations

import os
import subprocess

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: namespace
short_description: Run in the namespaces of a process
description:
  - Runs commands in the namespaces of a process on this machine.
options:
  leader:
    description: A file with the number of the process. Without the file or the process the host is down.
    required: true
    vars:
      - name: ansible_namespace_leader
"""


class Connection(ConnectionBase):
    transport = "namespace"
    has_pipelining = True

    def _enter(self, *command: str) -> list[str]:
        try:
            with open(self.get_option("leader")) as file:
                leader = int(file.read())
            os.kill(leader, 0)
        except (OSError, ValueError) as error:
            raise AnsibleConnectionFailure(f"the host is down: {error}") from error
        return ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--", *command]

    def _run(self, command: list[str], **options: object) -> tuple[int, bytes, bytes]:
        # Nothing of the environment of ansible, such as the path to its Python, is known to the host.
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        done = subprocess.run(self._enter(*command), capture_output=True, env=environment, check=False, **options)
        return done.returncode, done.stdout, done.stderr

    def _connect(self) -> Connection:
        self._enter()
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._run(["/bin/sh", "-c", cmd], input=in_data or b"")

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)
        with open(in_path, "rb") as file:
            status, _output, messages = self._run(["dd", "status=none", f"of={out_path}"], stdin=file)
        if status != 0:
            raise AnsibleError(f"{out_path} cannot be written: {messages!r}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        status, output, messages = self._run(["cat", in_path])
        if status != 0:
            raise AnsibleError(f"{in_path} cannot be read: {messages!r}")
        with open(out_path, "wb") as file:
            file.write(output)

    def close(self) -> None:
        self._connected = False
