# SPDX-License-Identifier: Apache-2.0
"""The modules guest, info and settled."""

from __future__ import annotations

import json

import pytest

UUID = "31893386-db4f-88e1-8679-cd2bf0219704"


def definition(findings=(), **members):
    return {
        "apreserve": "guest-definition", "version": 1, "name": "web1", "uuid": UUID, "start": "manual", "adapters": [5],
        "domains": [4], "controlDomains": [], "findings": list(findings), "mdevctl": {"start": "manual"}, **members,
    }


def guests(*members):
    return {"apreserve": "guest-list", "version": 1, "guests": list(members)}


GUEST = {
    "uuid": UUID, "defined": True, "active": False, "start": "manual", "adapters": [5], "domains": [4],
    "controlDomains": [], "problems": [],
}
WEB1 = {"name": "web1", "adapters": ["5"], "domains": ["4"]}
ERROR = {"apreserve": "error", "version": 1, "status": 1, "messages": ["no"]}


@pytest.fixture
def machine(host):
    host.answers["apreserve guest define web1"] = (0, definition(), "")
    host.answers["apreserve guest list"] = (0, guests(), "")
    return host


def changes(host):
    """The commands that change something."""
    return [
        words
        for words in host.commands
        if "--apply" in words or (words[0] == "mdevctl" and words[1] != "list" and "--help" not in words)
    ]


def test_a_guest_that_is_not_defined_is_defined(machine):
    result = machine.run("guest", **WEB1)
    assert (result["changed"], result["uuid"]) == (True, UUID)
    assert result["diff"]["before"] == ""
    assert changes(machine) == [
        ["apreserve", "guest", "define", "web1", "--adapters", "5", "--domains", "4", "--apply"]
    ]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_check_mode_defines_and_removes_nothing(machine, state):
    if state == "absent":
        machine.answers["apreserve guest list"] = (0, guests(GUEST), "")
    assert machine.run("guest", check=True, state=state, **WEB1)["changed"]
    assert changes(machine) == []


def test_a_guest_that_is_defined_as_wanted_is_left_alone(machine):
    machine.answers["apreserve guest list"] = (0, guests({**GUEST, "active": True}), "")
    result = machine.run("guest", **WEB1)
    assert (result["changed"], result["active"], changes(machine)) == (False, True, [])


@pytest.mark.parametrize("difference", [{"start": "auto"}, {"domains": [4, 71]}, {"problems": ["wrong"]}])
def test_another_definition_is_modified_where_mdevctl_can(machine, difference):
    machine.answers["apreserve guest list"] = (0, guests({**GUEST, **difference}), "")
    machine.answers["mdevctl modify --help"] = (0, "  --jsonfile <JSONFILE>\n", "")

    def modify(words):
        assert json.load(open(words[-1])) == {"start": "manual"}
        return 0, "", ""

    machine.answers["mdevctl modify --uuid"] = modify
    assert machine.run("guest", **WEB1)["changed"]
    assert [words[:2] for words in changes(machine)] == [["mdevctl", "modify"]]


def test_a_definition_that_cannot_be_replaced_is_put_back(machine):
    machine.answers["apreserve guest list"] = (0, guests({**GUEST, "domains": [71]}), "")
    machine.answers["mdevctl modify --help"] = (0, "", "")
    machine.answers["mdevctl list"] = (0, {"start": "auto"}, "")
    machine.answers["mdevctl undefine"] = (0, "", "")
    apply = "apreserve guest define web1 --adapters 5 --domains 4 --apply"
    machine.answers[apply] = (1, "", "apreserve: mdevctl has failed\n")
    back = []
    machine.answers["mdevctl define"] = lambda words: back.append(json.load(open(words[-1]))) or (0, "", "")
    result = machine.run("guest", **WEB1)
    assert result["failed"]
    assert "mdevctl has failed" in result["msg"]
    assert back == [{"start": "auto"}]


def test_a_definition_that_contradicts_another_guest_is_refused(machine):
    finding = {"finding": "guest-conflict", "severity": "error", "message": "web1 and db1 both start at boot"}
    machine.answers["apreserve guest define web1"] = (0, definition([finding]), "")
    for check in (True, False):
        result = machine.run("guest", check=check, **WEB1)
        assert (result["failed"], result["msg"]) == (True, "web1 and db1 both start at boot")
    assert changes(machine) == []


def test_only_the_definition_of_a_guest_is_removed(machine):
    machine.answers["apreserve guest list"] = (0, guests({**GUEST, "active": True}), "")
    machine.answers["mdevctl undefine"] = (0, "", "")
    result = machine.run("guest", name="web1", state="absent")
    assert (result["changed"], result["active"]) == (True, True)
    assert [words[:2] for words in changes(machine)] == [["mdevctl", "undefine"]]
    machine.answers["apreserve guest list"] = (0, guests({**GUEST, "active": True, "defined": False}), "")
    assert not machine.run("guest", name="web1", state="absent")["changed"]


def test_a_guest_needs_a_matrix(machine):
    assert machine.run("guest", name="web1")["failed"]


def test_info_returns_the_documents(host):
    host.answers["apreserve status"] = (3, {"version": "0.1.0", "degraded": True}, "")
    queues = {"apreserve": "list", "version": 1, "queues": [{"name": "05.0004"}]}
    host.answers["apreserve list"] = (0, queues, "apreserve: no rule files\n")
    host.answers["apreserve guest list"] = (0, guests(GUEST), "apreserve: no rule files\n")
    result = host.run("info")
    assert (result["changed"], result["daemon"], result["bus"]) == (False, True, True)
    assert (result["status"]["degraded"], result["queues"], result["guests"]) == (True, [{"name": "05.0004"}], [GUEST])
    assert result["messages"] == ["no rule files"]


def test_info_reads_what_is_asked_for(host):
    host.answers["apreserve snapshot --redact"] = (0, {"apreserve": "snapshot", "version": 1}, "")
    host.answers["apreserve plan"] = (2, {"apreserve": "plan", "version": 1, "outcome": "pending"}, "")
    result = host.run("info", subset=["snapshot", "plan"], redact=True)
    assert (result["snapshot"]["apreserve"], result["plan"]["outcome"]) == ("snapshot", "pending")
    assert "status" not in result


def test_a_host_without_a_daemon_or_a_bus_is_no_failure(host):
    host.answers["apreserve status"] = (1, ERROR, "apreserve: the daemon is not running\n")
    host.answers["apreserve list"] = (4, {**ERROR, "status": 4}, "apreserve: this system has no AP bus\n")
    result = host.run("info", subset=["status", "queues"])
    assert (result["failed"], result["daemon"], result["bus"]) == (False, False, False)
    assert result["messages"] == ["the daemon is not running", "this system has no AP bus"]


def test_what_cannot_be_read_is_a_failure(host):
    host.answers["apreserve list"] = (1, ERROR, "apreserve: the rules have errors\n")
    assert host.run("info", subset=["queues"])["msg"] == "the rules have errors"


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({}, ["--timeout", "60"]),
        ({"timeout": 5, "require": "05.*"}, ["--timeout", "5", "--require", "05.*"]),
        ({"label": "web", "guest": "web1"}, ["--timeout", "60", "--name", "web", "--guest", "web1"]),
    ],
)
def test_settled_waits_for_what_counts(host, parameters, options):
    host.answers["apreserve settle"] = (0, "2 of 2 queues reserved\n", "")
    assert host.run("settled", **parameters)["message"] == "2 of 2 queues reserved"
    assert host.commands == [["apreserve", "settle", *options]]


@pytest.mark.parametrize("status", [1, 3])
def test_settled_names_what_is_not_reserved(host, status):
    host.answers["apreserve settle"] = (status, "05.0004 is missing\n", "apreserve: 1 of 2 queues reserved\n")
    result = host.run("settled")
    assert (result["failed"], result["status"]) == (True, status)
    assert result["msg"] == "05.0004 is missing\n1 of 2 queues reserved"
