"""Cores that never fall asleep: what a virtual machine takes to wake one does not show in what is timed meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SPIN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print(flush=True)
while True:
    pass
"""


@contextmanager
def awake_cores() -> Iterator[None]:
    """A process on each core that has nothing to do and gives way to any other at once."""
    spinning = [
        subprocess.Popen([sys.executable, "-c", _SPIN, str(core)], stdout=subprocess.PIPE)  # noqa: S603
        for core in os.sched_getaffinity(0)
    ]
    try:
        for each in spinning:
            assert each.stdout is not None
            if not each.stdout.readline():
                raise OSError("a core cannot be kept awake: this kernel has no class SCHED_IDLE")
        yield
    finally:
        for each in spinning:
            each.kill()
            each.communicate()
