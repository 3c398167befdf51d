# SPDX-License-Identifier: Apache-2.0
"""The module rules: nothing is written that the host does not accept."""

from __future__ import annotations

import os

import pytest

RULE = 'ADAPTER=="5", RESERVE="vfio_ap"\n'


def verdict(count=1, *diagnostics):
    return {"apreserve": "verify", "version": 1, "rules": count, "diagnostics": list(diagnostics)}


def diagnostic(directory, severity, message, line=3):
    return {
        "severity": severity,
        "file": directory + "/a.rules",
        "span": {"line": line, "column": 7, "length": 1},
        "message": message,
    }


def difference(*refused):
    queues = [{"queue": "05.0004", "to": {"refusal": {"message": message}}} for message in refused]
    return {"apreserve": "plan-difference", "version": 1, "refused": queues}


@pytest.fixture
def accepting(host):
    """A host that accepts all rules, and counts the lines of the files as its rules."""

    def verify(words):
        directory = words[2]
        lines = [open(os.path.join(directory, name)).read() for name in os.listdir(directory)]
        return 0, verdict("".join(lines).count("RESERVE")), ""

    host.answers["apreserve verify"] = verify
    host.answers["apreserve plan --diff"] = lambda words: (
        2,
        difference() if "--json" in words else f"kvm1\n\n--- {words[3]}\n+++ {words[4]}\n\nreserved\n+ 05.0004\n",
        "",
    )
    return host


def test_a_file_is_written_once(accepting):
    result = accepting.run("rules", name="a.rules", content=RULE)
    assert (result["failed"], result["changed"], result["files"]) == (False, True, ["a.rules"])
    assert accepting.files == {"a.rules": RULE}
    assert (accepting.directories[0] / "a.rules").stat().st_mode & 0o7777 == 0o644
    accepting.commands.clear()
    result = accepting.run("rules", name="a.rules", content=RULE)
    assert (result["failed"], result["changed"], result["files"]) == (False, False, [])
    assert accepting.commands == []


def test_check_mode_shows_the_plan_and_writes_nothing(accepting):
    result = accepting.run("rules", check=True, name="a.rules", content=RULE)
    assert result["changed"]
    assert result["plan"] == ["kvm1", "", "", "reserved", "+ 05.0004"]
    assert [part.get("after") for part in result["diff"]] == [RULE, None]
    assert "+ 05.0004" in result["diff"][1]["prepared"]
    assert accepting.files == {}
    assert {words[1] for words in accepting.commands} == {"verify", "plan"}


def test_a_file_is_removed_and_an_exclusive_one_removes_others(accepting):
    accepting.write(RULE, "a.rules")
    accepting.write(RULE, "b.rules")
    accepting.write("keep", "README")
    assert accepting.run("rules", name="a.rules", state="absent")["files"] == ["a.rules"]
    assert accepting.files == {"b.rules": RULE, "README": "keep"}
    assert accepting.run("rules", name="c.rules", content=RULE, exclusive=True)["files"] == ["b.rules", "c.rules"]
    assert accepting.files == {"c.rules": RULE, "README": "keep"}


def test_what_was_before_brings_it_back(accepting):
    accepting.write(RULE, "a.rules")
    accepting.write("# \n" + RULE, "b.rules")
    earlier = accepting.files
    files = [{"name": "b.rules", "content": RULE}, {"name": "c.rules", "rules": []}]
    result = accepting.run("rules", files=[{"name": "a.rules", "state": "absent"}, *files])
    assert accepting.run("rules", files=result["before"])["changed"]
    assert accepting.files == earlier


def test_rules_with_errors_are_not_written(host):
    host.answers["apreserve verify"] = lambda words: (1, verdict(0, diagnostic(words[2], "error", "unknown key")), "")
    result = host.run("rules", name="a.rules", content="ADAPTR")
    assert (result["failed"], result["changed"]) == (True, False)
    assert "a.rules:3:7: unknown key" in result["msg"]
    assert "/tmp/" not in result["msg"]
    assert host.files == {}


def test_warnings_are_returned_or_with_strict_refused(accepting):
    accepting.answers["apreserve verify"] = lambda words: (
        1 if "--strict" in words else 0,
        verdict(1, diagnostic(words[2], "warning", "never decides")),
        "",
    )
    result = accepting.run("rules", check=True, name="a.rules", content=RULE)
    assert result["rule_warnings"] == ["a.rules:3:7: never decides"]
    assert accepting.run("rules", name="a.rules", content=RULE, strict=True)["failed"]
    assert accepting.files == {}


def test_rules_that_the_host_refuses_are_written_only_if_that_is_accepted(accepting):
    accepting.answers["apreserve plan --diff"] = lambda words: (
        3,
        difference("05.0004 cannot be reserved alone") if "--json" in words else "refused\n",
        "",
    )
    result = accepting.run("rules", name="a.rules", content=RULE)
    assert result["failed"]
    assert "05.0004 cannot be reserved alone" in result["msg"]
    assert accepting.files == {}
    result = accepting.run("rules", name="a.rules", content=RULE, accept_refusals=True)
    assert (result["failed"], result["refused"]) == (False, ["05.0004 cannot be reserved alone"])
    assert accepting.files == {"a.rules": RULE}


def test_the_last_rule_is_removed_only_if_that_is_permitted(accepting):
    accepting.write(RULE, "a.rules")
    result = accepting.run("rules", name="a.rules", state="absent")
    assert (result["failed"], accepting.files) == (True, {"a.rules": RULE})
    accepting.run("rules", name="a.rules", state="absent", allow_empty=True)
    assert accepting.files == {}


def test_rules_of_other_directories_count_and_a_removed_file_uncovers_them(accepting):
    accepting.write(RULE, "a.rules", directory=3)
    accepting.write("", "a.rules")
    seen = []
    verify = accepting.answers["apreserve verify"]

    def look(words):
        seen.append({name: open(os.path.join(words[2], name)).read() for name in os.listdir(words[2])})
        return verify(words)

    accepting.answers["apreserve verify"] = look
    assert not accepting.run("rules", name="a.rules", state="absent")["failed"]
    assert seen == [{"a.rules": RULE}, {"a.rules": ""}]


def test_rules_that_had_errors_before_are_compared_with_no_rules(accepting):
    accepting.write("ADAPTR", "a.rules")
    accepting.answers["apreserve verify"] = lambda words: (
        (0, verdict(), "")
        if "RESERVE" in open(words[2] + "/a.rules").read()
        else (1, verdict(0, diagnostic(words[2], "error", "unknown key")), "")
    )
    compared = []
    accepting.answers["apreserve plan --diff"] = lambda words: (
        compared.append(os.listdir(words[3])) or (2, difference() if "--json" in words else "", "")
    )
    assert not accepting.run("rules", name="a.rules", content=RULE)["failed"]
    assert compared == [["none.rules"], ["none.rules"]]


def test_files_with_errors_from_before_can_be_put_back(host):
    host.write(RULE, "a.rules")
    host.missing.add("apreserve")
    result = host.run("rules", name="a.rules", content="ADAPTR\n", verify=False)
    assert (result["failed"], result["changed"], host.commands) == (False, True, [])
    assert host.files == {"a.rules": "ADAPTR\n"}


def test_a_host_without_an_ap_bus_has_no_plan(accepting):
    accepting.answers["apreserve plan --diff"] = (
        4,
        {"apreserve": "error", "version": 1, "status": 4, "messages": []},
        "apreserve: this system has no AP bus\n",
    )
    result = accepting.run("rules", name="a.rules", content=RULE)
    assert (result["failed"], "plan" in result) == (False, False)


def test_without_the_program_only_check_mode_goes_on(host):
    host.missing.add("apreserve")
    assert host.run("rules", check=True, name="a.rules", content=RULE)["changed"]
    assert "is not installed" in host.run("rules", name="a.rules", content=RULE)["msg"]
    assert host.files == {}


def test_a_file_is_described_once(host):
    files = [{"name": "a.rules", "content": ""}, {"name": "a.rules", "state": "absent"}]
    assert "more than once" in host.run("rules", files=files)["msg"]


def test_documents_of_a_later_version_are_not_understood(host):
    host.answers["apreserve verify"] = (0, {**verdict(), "version": 2}, "")
    assert "in version 1" in host.run("rules", name="a.rules", content=RULE)["msg"]
