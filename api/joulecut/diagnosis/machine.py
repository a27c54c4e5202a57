"""The machine a diagnosis is made on: its kernel and processors."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

from joulecut.diagnosis.finding import Area, Finding, Status


def examine_machine() -> Iterator[Finding]:
    """Which kernel runs here, and whether agents can."""
    system = platform.uname()
    supported = system.system == "Linux"
    yield Finding(
        area=Area.HOST,
        name="kernel",
        status=Status.OK if supported else Status.PROBLEM,
        what=f"{system.system} {system.release} on {system.machine}, {os.cpu_count()} processors",
        remedy=None if supported else "agents and device backends need Linux; only planning works here",
        facts={
            "system": system.system,
            "kernel": system.release,
            "machine": system.machine,
            "processors": os.cpu_count(),
            "host": system.node,
        },
    )
