"""Programs that must not outlive whoever starts them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence


def ended_with_its_parent(signal_name: str = "KILL") -> Sequence[str]:
    """What to put before a command so that it gets this signal as its parent ends in whatever way.

    Its parent is the thread that starts it. Nothing where the system cannot see to it.
    """
    found = shutil.which("setpriv")
    return () if found is None else (found, "--pdeathsig", signal_name)
