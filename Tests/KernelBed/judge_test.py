#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests that the judge finds each fault. `make check-kernel` runs this first."""
import json
import os
import tempfile
import unittest

from judge import judge

MASK = "0x" + "f" * 64
LESS = "0xb" + "f" * 63


def event(number, action, queue, driver=""):
    driver = f"DRIVER={driver}\n" if driver else ""
    return (f"KERNEL[1.{number}] {action} /devices/ap/card{queue[:2]}/{queue} (ap)\nACTION={action}\n"
            f"DEVPATH=/devices/ap/card{queue[:2]}/{queue}\nSUBSYSTEM=ap\n{driver}SEQNUM={number}\n\n")


class Run:
    """A correct run that moved 01.0004 to vfio_ap and left 00.0004 alone. Each test breaks something in it."""

    def __init__(self):
        change = {"queue": "01.0004", "from": "host", "to": "vfio_ap"}
        write = {"activity": "write", "path": "/sys/bus/ap/apmask", "text": LESS}
        self.plan = {"changes": [change], "steps": [{}], "refusals": [],
                     "masks": {"after": {"apmask": LESS, "aqmask": MASK}}}
        self.report = {"activities": [write, {"activity": "moved", "changes": [change]}]}
        self.events = event(2, "unbind", "01.0004") + event(3, "bind", "01.0004", "vfio_ap")
        self.files = {"1.before": "00.0004 cex4queue\n01.0004 cex4queue\n",
                      "1.after": "00.0004 cex4queue\n01.0004 vfio_ap\n",
                      "1.plan.exit": "2\n", "1.apply.exit": "0\n", "expected": "",
                      "walk.steps": f"# apply 1 ends\n  /sys/bus/ap/apmask = {LESS}\n  /sys/bus/ap/aqmask = {MASK}\n# end\n"}

    def faults(self):
        files = dict(self.files)
        files["1.plan.json"] = json.dumps(self.plan)
        files["1.apply.json"] = json.dumps(self.report)
        files.setdefault("walk.events", event(1, "add", "09.0000") + "# apply 1 begins\n" + self.events + "# apply 1 ends\n# end\n")
        with tempfile.TemporaryDirectory() as directory:
            for name, text in files.items():
                with open(os.path.join(directory, name), "w") as file:
                    file.write(text)
            return judge(directory).faults


class JudgeTest(unittest.TestCase):
    def setUp(self):
        self.played = Run()

    def assertFault(self, words):
        faults = self.played.faults()
        self.assertTrue(any(words in fault for fault in faults), faults)

    def test_a_correct_run_has_no_fault(self):
        self.assertEqual(self.played.faults(), [])

    def test_a_queue_that_did_not_move(self):
        self.played.files["1.after"] = self.played.files["1.before"]
        self.assertFault("01.0004 was announced for vfio_ap, the kernel says host")

    def test_a_queue_outside_the_plan_that_moved(self):
        self.played.files["1.after"] = "00.0004 vfio_ap\n01.0004 vfio_ap\n"
        self.assertFault("00.0004 was left with host, the kernel says vfio_ap")

    def test_a_queue_outside_the_plan_that_moved_there_and_back(self):
        self.played.events += (event(4, "unbind", "00.0004") + event(5, "bind", "00.0004", "vfio_ap")
                               + event(6, "unbind", "00.0004") + event(7, "bind", "00.0004", "cex4queue"))
        self.assertFault("00.0004 was not to move")

    def test_a_planned_queue_that_flickered(self):
        self.played.events += (event(4, "unbind", "01.0004") + event(5, "bind", "01.0004", "cex4queue")
                               + event(6, "unbind", "01.0004") + event(7, "bind", "01.0004", "vfio_ap"))
        self.assertFault("01.0004 should have had unbind and bind")

    def pass_through_the_host(self):
        """A changeover from masks to overrides: the host has 01.0004 in between, and the plan says so."""
        self.played.plan["changes"] = [{"queue": "01.0004", "from": "vfio_ap", "to": "host"},
                                       {"queue": "01.0004", "from": "host", "to": "vfio_ap"}]
        self.played.report["activities"][1]["changes"] = self.played.plan["changes"]
        self.played.files["1.before"] = self.played.files["1.after"]
        self.played.events = (event(2, "unbind", "01.0004") + event(3, "bind", "01.0004", "cex4queue")
                              + event(4, "unbind", "01.0004") + event(5, "bind", "01.0004", "vfio_ap"))

    def test_a_queue_that_passes_through_the_host_as_announced(self):
        self.pass_through_the_host()
        self.assertEqual(self.played.faults(), [])

    def test_a_queue_that_passes_through_the_host_unannounced(self):
        self.pass_through_the_host()
        self.played.plan["changes"] = []
        self.assertFault("01.0004 was not to move")

    def test_a_queue_that_was_to_pass_through_the_host_and_did_not(self):
        self.pass_through_the_host()
        self.played.events = ""
        self.assertFault("01.0004 should have had unbind and bind and unbind and bind")

    def test_a_planned_queue_that_another_driver_got(self):
        self.played.events = (event(2, "unbind", "01.0004") + event(3, "bind", "01.0004", "other"))
        self.assertFault("01.0004 was with other")

    def test_a_move_without_events(self):
        self.played.events = ""
        self.assertFault("01.0004 should have had unbind and bind")

    def test_a_wrong_mask(self):
        self.played.files["walk.steps"] = self.played.files["walk.steps"].replace(LESS, MASK)
        self.assertFault("apmask was announced")

    def test_a_failed_write(self):
        self.played.report["activities"][0]["errno"] = "EBUSY"
        self.assertFault("failed with EBUSY")

    def test_a_write_without_a_plan(self):
        self.played.plan["steps"] = []
        self.assertFault("the plan had no write")

    def test_a_report_that_leaves_out_a_move(self):
        self.played.report["activities"].pop()
        self.assertFault("it reports other moves")

    def test_an_exit_status_that_does_not_fit(self):
        self.played.files["1.apply.exit"] = "1\n"
        self.assertFault("apply with 1")

    def disturb(self):
        """Another process interfered: the mask write failed and was undone, and the report says so."""
        self.played.files["1.disturbed"] = "watching\nok\n"
        self.played.files["1.after"] = self.played.files["1.before"]
        self.played.report["activities"] = [{"activity": "failed", "message": "EBUSY"}]

    def test_a_disturbed_run_that_reports_correctly_has_no_fault(self):
        self.disturb()
        self.assertEqual(self.played.faults(), [])

    def test_a_disturbed_run_that_was_not_disturbed(self):
        self.disturb()
        self.played.files["1.disturbed"] = "watching\nwrite: EBUSY (16)\n"
        self.assertFault("no other process wrote between")

    def test_a_disturbed_run_that_leaves_a_queue_elsewhere(self):
        self.disturb()
        self.played.files["1.after"] = "00.0004 cex4queue\n01.0004\n"
        self.assertFault("01.0004 is reported with host, the kernel says none")

    def test_a_disturbed_run_that_claims_success(self):
        self.disturb()
        self.played.report["activities"] = [{"activity": "moved", "changes": self.played.plan["changes"]}]
        self.assertFault("it reports neither a failure nor a refusal")

    def test_a_disturbed_run_that_touches_another_queue(self):
        self.disturb()
        self.played.events += event(4, "unbind", "00.0004")
        self.assertFault("00.0004 was not to move")

    def settle(self):
        """A daemon that moved 01.0004, the only queue that had a reason to move."""
        self.played.files.update({"s0.owners": self.played.files["1.before"], "s1.owners": self.played.files["1.after"],
                                  "s1.plan.json": json.dumps({"steps": []}), "s1.queues": "01.*\n"})
        self.played.files["walk.events"] = (event(1, "add", "09.0000") + "# apply 1 begins\n# settled 0\n"
                                            + self.played.events + "# settled 1\n# apply 1 ends\n# end\n")

    def test_a_daemon_that_settled_has_no_fault(self):
        self.settle()
        self.assertEqual(self.played.faults(), [])

    def test_a_daemon_that_left_something_undone(self):
        self.settle()
        self.played.files["s1.plan.json"] = json.dumps({"steps": [{"path": "/sys/bus/ap/apmask"}]})
        self.assertFault("this is left to do")

    def test_a_daemon_that_touched_a_queue_without_a_reason(self):
        self.settle()
        self.played.files["s1.queues"] = "00.*\n"
        self.assertFault("01.0004 had no reason to move")

    def test_an_incomplete_recording(self):
        self.played.files["walk.events"] = event(1, "add", "09.0000")
        self.assertFault("the recording is not complete")

    def test_lost_events(self):
        self.played.events += "# LOST\n"
        self.assertFault("lost events")

    def test_a_gap_in_the_events(self):
        self.played.events += event(9, "change", "01.0004")
        self.assertFault("missing: SEQNUM 4, 5, 6, 7, 8")

    def test_a_reboot(self):
        after = ("# === scenario\n" + event(1, "add", "09.0000") + "# apply 1 begins\n" + self.played.events
                 + "# apply 1 ends\n# end\n")
        before = event(90, "add", "09.0000")
        self.played.files["walk.events"] = before + "# reboot\n" + event(95, "change", "09.0000") + after
        self.assertEqual(self.played.faults(), [])
        self.played.files["walk.events"] = before + after
        self.assertFault("missing: SEQNUM 4, 5")

    def test_a_warning_of_the_kernel(self):
        self.played.files["walk.steps"] += "  dmesg: WARNING: CPU 0\n"
        self.assertFault("WARNING: CPU 0")

    def test_a_command_that_had_to_succeed(self):
        self.played.files["walk.steps"] += "  failed: mdevctl stop: no such device\n"
        self.assertFault("mdevctl stop: no such device")

    def test_an_incomplete_scenario(self):
        self.played.files["walk.steps"] = self.played.files["walk.steps"].replace("# end\n", "")
        self.assertFault("did not reach its end")

    def test_expectations(self):
        now = "00.0004 cex4queue,01.0004 vfio_ap,"
        for words, good in [("exit 0", True), ("exit 3", False), ("host 00.*", True), ("host *.0004", False),
                            ("vfio_ap 01.0004", True), ("vfio_ap 02.*", False), ("none 00.0004", False),
                            ("never vfio_ap 00.*", True), ("never vfio_ap 01.*", False), ("never host 07.*", False),
                            ("no-changes", False), ("refused inexpressible", False), ("nonsense", False)]:
            with self.subTest(words):
                self.played.files["expected"] = f"1\t{words}\t{now}\n"
                self.assertEqual(self.played.faults() == [], good)


if __name__ == "__main__":
    unittest.main()
