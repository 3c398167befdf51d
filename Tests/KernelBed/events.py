# SPDX-License-Identifier: Apache-2.0
"""Reads the recordings of guest/ulisten.c: uevents, and marks between them."""
import re
from dataclasses import dataclass

QUEUE = re.compile(r"/devices/ap/card[0-9a-f]{2}/([0-9a-f]{2}\.[0-9a-f]{4})")


@dataclass
class Event:
    """A uevent, or a mark, which has only its text."""
    action: str = ""
    path: str = ""
    driver: str = ""
    mark: str = ""

    @property
    def queue(self):
        """The queue of the event; None for another device."""
        found = QUEUE.fullmatch(self.path)
        return found.group(1) if found else None


def read_events(text):
    """All events and marks in order, and the faults of the recording."""
    # The numbers of events begin again with a boot, and those of a shutdown are not all recorded.
    events, faults, numbers, is_down = [], [], [set()], False
    for block in text.split("\n"):
        key, _, value = block.partition("=")
        if block == "# LOST":
            faults.append("the listener lost events")
        elif block.startswith("# "):
            events.append(Event(mark=block[2:]))
            if block == "# reboot" or is_down and block == "# === scenario":
                is_down = not is_down
                numbers.append(set())
        elif block.startswith("KERNEL["):
            events.append(Event())
        elif key == "ACTION":
            events[-1].action = value
        elif key == "DEVPATH":
            events[-1].path = value
        elif key == "DRIVER":
            events[-1].driver = value
        elif key == "SEQNUM":
            numbers[-1].add(int(value))
    # The kernel numbers an event before it sends it, so events of two threads can be out of order.
    for boot in filter(None, numbers):
        if len(boot) != max(boot) - min(boot) + 1:
            missing = set(range(min(boot), max(boot))) - boot
            faults.append(f"events are missing: SEQNUM {', '.join(map(str, sorted(missing)[:5]))}")
    if all(event.mark != "end" for event in events):
        faults.append("the recording is not complete")
    return events, faults
