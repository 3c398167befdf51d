# SPDX-License-Identifier: Apache-2.0
"""What a rule file is, and which files are in effect."""

from __future__ import annotations

import os

import pytest

from ansible_collections.apreserve.ap.plugins.module_utils import rule_files
from ansible_collections.apreserve.ap.plugins.module_utils.rule_files import InvalidFile, RuleFile

RULE = 'ADAPTER=="5", RESERVE="vfio_ap"'


@pytest.mark.parametrize(
    ("options", "content"),
    [
        ({"content": RULE}, RULE + "\n"),
        ({"content": RULE + "\n"}, RULE + "\n"),
        ({"content": ""}, ""),
        ({"rules": [RULE, "# why\n"]}, rule_files.HEADER + RULE + "\n# why\n"),
        ({"rules": []}, rule_files.HEADER),
    ],
)
def test_content(options, content):
    assert RuleFile.described({"name": "a.rules", **options}) == RuleFile("a.rules", content.encode())


@pytest.mark.parametrize("name", ["a", "a.rule", ".a.rules", "../a.rules", "/etc/a.rules", "a\0.rules"])
def test_names_that_would_not_be_read_are_invalid(name):
    with pytest.raises(InvalidFile, match="name is"):
        RuleFile.described({"name": name, "content": ""})


@pytest.mark.parametrize(
    "options", [{}, {"content": "", "rules": []}, {"state": "absent", "content": ""}, {"state": "absent", "rules": []}]
)
def test_exactly_one_content_is_required_except_for_a_file_that_is_removed(options):
    with pytest.raises(InvalidFile, match="a.rules: "):
        RuleFile.described({"name": "a.rules", **options})


@pytest.mark.parametrize("content", [None, b"", b"# \xff\n"])
def test_the_description_of_a_file_describes_it(content):
    file = RuleFile("a.rules", content)
    assert RuleFile.described(file.description) == file


def test_an_earlier_directory_replaces_and_masks_files_of_later_ones(host):
    host.write("1", "a.rules")
    host.write("2", "a.rules", directory=3)
    host.write("3", "b.rules", directory=3)
    (host.directories[1] / "b.rules").symlink_to(os.devnull)
    host.write("4", "c.rules", directory=2)
    host.write("5", "hidden", directory=0)
    host.write("6", ".d.rules", directory=0)
    (host.directories[0] / "e.rules").mkdir()
    (host.directories[0] / "f.rules").symlink_to("nowhere")
    assert rule_files.in_effect(rule_files.DIRECTORIES) == {"a.rules": b"1", "b.rules": b"", "c.rules": b"4"}


def test_only_an_own_regular_file_that_nobody_else_can_change_is_as_described(host):
    file = RuleFile("a.rules", b"1")
    path = host.directories[0] / "a.rules"
    directory = str(host.directories[0])
    assert not rule_files.is_as_described(file, directory)
    assert rule_files.is_as_described(RuleFile("a.rules", None), directory)
    path.write_text("1")
    path.chmod(0o644)
    assert rule_files.is_as_described(file, directory)
    assert not rule_files.is_as_described(RuleFile("a.rules", b"2"), directory)
    assert not rule_files.is_as_described(RuleFile("a.rules", None), directory)
    path.chmod(0o664)
    assert not rule_files.is_as_described(file, directory)
    path.rename(directory + "/other")
    path.symlink_to("other")
    assert not rule_files.is_as_described(file, directory)
