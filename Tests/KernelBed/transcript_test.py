#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the transcripts that are made of scenarios. `make check-kernel` runs this before any scenario."""
import json
import os
import tempfile
import unittest

import transcript


def write(path, text, error=None):
    return {"activity": "write", "path": path, "text": text, **({"errno": error} if error else {})}


class TranscriptTest(unittest.TestCase):
    """Records a scenario with one run, which writes to two masks."""

    def setUp(self):
        self.report = {"mechanism": "mask", "activities": [
            write("/apmask", "+1\n"), {"activity": "moved", "changes": []}, write("/aqmask", "+4\n", "EBUSY"),
            write("/apmask", "-1\n")]}
        self.files = {"walk.steps": "Linux 6.1.0-56-amd64\n# apply 1 begins\n# apply 1 ends\n", "walk.events": "",
                      "1.machine.json": "{}", "1.rules": "rules\n", "1.after": "owners\n"}

    def record(self):
        """The names and texts of the transcript."""
        self.files["1.apply.json"] = json.dumps(self.report)
        with tempfile.TemporaryDirectory() as directory:
            played = os.path.join(directory, "played")
            os.mkdir(played)
            for name, text in self.files.items():
                with open(os.path.join(played, name), "w") as file:
                    file.write(text)
            self.assertTrue(transcript.is_replayable(played))
            transcript.record(played, os.path.join(directory, "recorded"))
            recorded = os.path.join(directory, "recorded", "6.1")
            return {name: transcript.read_text(recorded, name) for name in os.listdir(recorded)}

    def written(self):
        return [line for line in self.record()["walk.steps"].splitlines() if line.startswith("  ")]

    def test_the_writes_of_a_run_follow_its_mark(self):
        self.assertEqual(self.record()["walk.steps"].splitlines()[1:], [
            "# apply 1 begins", "  wrote +1\\n > /apmask: ok (3)", "  wrote +4\\n > /aqmask: write: EBUSY (16)",
            "  wrote -1\\n > /apmask: ok (3)", "# apply 1 ends"])

    def test_the_write_of_another_process_follows_the_one_that_it_waited_for(self):
        self.files["1.disturbance"] = "/apmask\n/assign_domain\n0x47\n"
        for said, outcome in [("ok", "ok (4)"), ("write: EADDRNOTAVAIL (99)", "write: EADDRNOTAVAIL (99)")]:
            self.files["1.disturbed"] = f"watching\n{said}\n"
            self.assertEqual(self.written()[:2], [
                "  wrote +1\\n > /apmask: ok (3)", f"  wrote 0x47 > /assign_domain: {outcome}"])
            self.assertEqual(len(self.written()), 4)

    def test_a_queue_has_two_paths(self):
        self.files["1.disturbance"] = "/sys/bus/ap/devices/01.0004/driver_override\n/assign_domain\n0x47\n"
        self.files["1.disturbed"] = "watching\nok\n"
        self.report["activities"][0]["path"] = "/sys/devices/ap/card01/01.0000/driver_override"
        self.report["activities"][3]["path"] = "/sys/devices/ap/card01/01.0004/driver_override"
        self.assertEqual(self.written()[3], "  wrote 0x47 > /assign_domain: ok (4)")

    def test_a_run_that_was_disturbed_cannot_be_planned_again(self):
        self.assertEqual(self.record()["1.mechanism"], "mask\n")
        self.files["1.disturbance"] = "/apmask\n/assign_domain\n0x47\n"
        self.files["1.disturbed"] = "watching\nok\n"
        self.assertEqual(sorted(self.record()), ["walk.events", "walk.steps"])

    def test_a_changeover_has_its_mechanism(self):
        self.files["1.changeover"] = "override\n"
        self.assertEqual(self.record()["1.mechanism"], "changeover override\n")

    def test_a_changeover_that_is_refused_has_no_writes(self):
        self.files["1.changeover"] = "override\n"
        self.report = {"mechanism": "override", "changes": [], "refusals": [{}]}
        self.assertEqual(self.written(), [])

    def test_a_run_of_the_daemon_is_no_transcript(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertTrue(transcript.is_replayable(directory))
            open(os.path.join(directory, "daemon.log"), "w").close()
            self.assertFalse(transcript.is_replayable(directory))


if __name__ == "__main__":
    unittest.main()
