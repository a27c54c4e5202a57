"""A Ray cluster of this machine alone, in a process of its own that ends with the pool.

`ray.init()` could start one too, with more around it. Ray gives up where its own agents need more than 15 s to start,
and that cannot be changed (ray-project/ray#65983): so there are as few of them as can be, and ports are given where Ray
would wait for them. On a machine that is busier than that a start has to be tried again.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from joulecut_core.child_programs import ended_with_its_parent

_LOG = logging.getLogger(__name__)

_STORE_BYTES = 100_000_000
"""Nothing of joulecut travels through Ray's object store; Ray asks for a third of the memory by default."""
_END_S = 20.0
_NICENESS = {"RAY_worker_niceness": "0"}
"""Ray's own is 15, which servers would inherit: whatever else this machine does would come before every request."""
_PORTS = (
    "port",
    "dashboard-agent-listen-port",
    "dashboard-agent-grpc-port",
    "runtime-env-agent-port",
    "metrics-export-port",
    # Always open, and the same for every cluster of a host by default.
    "ray-client-server-port",
)


@contextmanager
def local_head(*, cpus: int, log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a cluster that starts now, and its process, whose words are added to `log`."""
    ports = _free_ports(len(_PORTS))
    command = [
        # A keeper that is killed leaves no cluster behind.
        *ended_with_its_parent("TERM"),
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        *(f"--{name}={port}" for name, port in zip(_PORTS, ports, strict=True)),
        f"--num-cpus={cpus}",
        f"--object-store-memory={_STORE_BYTES}",
        "--include-dashboard=False",
        "--include-log-monitor=False",
        "--no-monitor",
        "--disable-usage-stats",
    ]
    with (
        log.open("ab") as words,
        subprocess.Popen(  # noqa: S603 - our own interpreter, and numbers
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env=_NICENESS | os.environ,
            # Ctrl-C in a terminal, and its end, reach all of a session's foreground: Ray would end before its servers.
            start_new_session=True,
        ) as process,
    ):
        try:
            yield f"127.0.0.1:{ports[0]}", process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
        return
    _LOG.warning("Ray's head, process %d, did not end within %g s: killed", process.pid, _END_S)
    process.kill()


def _free_ports(count: int) -> tuple[int, ...]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(int(probe.getsockname()[1]) for probe in probes)
