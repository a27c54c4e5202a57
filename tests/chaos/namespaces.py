"""A second host on this one: a network namespace with a link of its own that can be slowed down and taken down.

    this host  10.213.x.1 ── veth ── 10.213.x.2  namespace

Needs root, `ip` and `tc`. Bandwidth by the kernel's token bucket; no netem, which many kernels lack.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_BURST_BYTES = 16_384
_QUEUED_MS = 200
_NUMBERS = itertools.count()


class FarHost:
    """The namespace and its link. `address`: where programs in it are reached from here."""

    def __init__(self, name: str, near: str, address: str) -> None:
        self.name = name
        self.address = address
        self._near = near

    @property
    def network(self) -> Path:
        """The kernel's file for the namespace."""
        return Path("/run/netns", self.name)

    def limit(self, rate_bps: float | None) -> None:
        """Let so many bits a second through, each way; None: as many as the kernel can."""
        for tc, device in ((("tc",), self._near), (("tc", "-n", self.name), "far")):
            subprocess.run([*tc, "qdisc", "del", "dev", device, "root"], capture_output=True, check=False)
            if rate_bps is not None:
                shape = ("rate", f"{rate_bps:.0f}bit", "burst", str(_BURST_BYTES), "latency", f"{_QUEUED_MS}ms")
                _run(*tc, "qdisc", "add", "dev", device, "root", "tbf", *shape)

    def unplug(self) -> None:
        """Take the link down: packets vanish, nobody is told."""
        _run("ip", "link", "set", self._near, "down")

    def plug(self) -> None:
        """Take it up again."""
        _run("ip", "link", "set", self._near, "up")


@contextmanager
def far_host() -> Iterator[FarHost]:
    """A namespace with a link; leaving removes both."""
    number = os.getpid() % 250
    # The kernel takes a deleted one's link away a little later.
    name, near = (f"{start}{os.getpid()}-{next(_NUMBERS)}" for start in ("joulecut", "jc"))
    _run("ip", "netns", "add", name)
    try:
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", "far", "netns", name)
        _run("ip", "address", "add", f"10.213.{number}.1/30", "dev", near)
        _run("ip", "-n", name, "address", "add", f"10.213.{number}.2/30", "dev", "far")
        for command in (("ip",), ("ip", "-n", name)):
            _run(*command, "link", "set", near if len(command) == 1 else "far", "up")
        _run("ip", "-n", name, "link", "set", "lo", "up")
        yield FarHost(name, near, f"10.213.{number}.2")
    finally:
        # The link goes with it.
        _run("ip", "netns", "delete", name)


@cache
def obstacle() -> str | None:
    """Why no namespace can be made here; None where one can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None or shutil.which("tc") is None:
        return "no ip and tc (iproute2)"
    try:
        with far_host() as host:
            host.limit(1e6)
    except RuntimeError as error:
        return str(error)
    return None


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
