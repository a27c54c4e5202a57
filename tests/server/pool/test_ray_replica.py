"""A pool's server in a process of Ray's that is told to end."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from joulecut_core.decoding import encode
from joulecut_server.config import ServerConfig
from joulecut_server.pool import hosting, replica
from joulecut_server.pool.replica import RayReplica

_WAIT_S = 5.0


class _Host:
    """An agent that says in the log that it stops, from a thread of its own."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self.has_stopped = threading.Event()

    def stop(self) -> None:
        """Return once that is said."""
        saying = threading.Thread(target=logging.getLogger("agent").warning, args=("stopping",), daemon=True)
        saying.start()
        saying.join(_WAIT_S)
        if not saying.is_alive():
            self.has_stopped.set()


@pytest.fixture(name="host")
def _host(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Host]:
    """Of a `RayReplica` that has taken SIGTERM in this process, where Ray is not."""
    made: list[_Host] = []

    def make(config: ServerConfig) -> _Host:
        made.append(_Host(config))
        return made[-1]

    context = SimpleNamespace(get_accelerator_ids=dict)
    ray = SimpleNamespace(
        get_runtime_context=lambda: context, util=SimpleNamespace(get_node_ip_address=lambda: "127.0.0.1")
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(hosting, "HostedAgent", make)
    monkeypatch.setattr(replica, "log_to_stderr", lambda **_: None)
    before = signal.getsignal(signal.SIGTERM)
    RayReplica(encode(ServerConfig(device="cpu", planning_only=True)))
    yield made[0]
    signal.signal(signal.SIGTERM, before)


def test_sigterm_in_the_middle_of_a_log_line_drains(host: _Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the signal interrupts keeps the log to itself until the handler is done; the agent logs meanwhile."""
    codes: list[int] = []
    has_ended = threading.Event()

    def leave(code: int) -> None:
        codes.append(code)
        has_ended.set()

    monkeypatch.setattr(os, "_exit", leave)
    outlet = logging.StreamHandler()
    logging.getLogger().addHandler(outlet)
    try:
        outlet.acquire()
        signal.raise_signal(signal.SIGTERM)
        outlet.release()
        assert has_ended.wait(_WAIT_S)
    finally:
        logging.getLogger().removeHandler(outlet)
    assert host.has_stopped.is_set()
    assert codes == [0]
