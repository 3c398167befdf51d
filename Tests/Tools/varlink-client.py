"""Calls a running daemon with the Varlink project's Python client, which reads the interface description and keeps
only what it describes.

    varlink-client.py SOCKET
"""

import sys

import varlink

client = varlink.Client.new_with_address("unix:" + sys.argv[1])

with client.open("org.varlink.service") as service:
    assert "org.apreserve" in service.GetInfo()["interfaces"]
    assert client.get_interface("org.apreserve") is not None

with client.open("org.apreserve") as daemon:
    status = daemon.Settle()["status"]
    assert status["phase"] == "settled", status
    assert status["summary"] == daemon.GetStatus()["status"]["summary"]
    assert {"key": "FightLimit", "value": "3", "origin": "default"} in status["settings"], status
    queues = daemon.ListQueues()["queues"]
    assert [queue["name"] for queue in queues] == ["01.0004"], queues
    assert daemon.ListQueues(2)["queues"] == []
    pieces = list(daemon.ListQueues(_more=True))
    assert [queue for piece in pieces for queue in piece["queues"]] == queues
    assert daemon.Explain("01.0004")["explanation"]["name"] == "01.0004"
    assert daemon.Plan()["plan"]["outcome"] == "nothing-to-do"
    assert daemon.Reload()["count"] == 1
    assert daemon.GetHistory()["moves"] == []
    try:
        daemon.Explain("nonsense")
        raise AssertionError("an invalid queue was explained")
    except varlink.VarlinkError as error:
        assert error.error() == "org.varlink.service.InvalidParameter", error
