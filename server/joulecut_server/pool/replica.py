"""What runs in a Ray actor's process: one server-agent, which outlives neither the process nor its node.

Ray restarts the process; the agent in it finds its port free and its epochs on disk, and edges find it where it was.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from types import FrameType

from joulecut_core.decoding import decode
from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_core.logs import log_to_stderr
from joulecut_server.config import ServerConfig
from joulecut_server.pool.reports import ReplicaReport, ReplicaState
from joulecut_server.pool.seats import config_digest, placed, reachable

_LOG = logging.getLogger(__name__)

_LOAD_STATES = (ReplicaState.SERVING, ReplicaState.DRAINING)


class Replica:
    """One server of a pool. `config`: the encoded ServerConfig, so that what crosses to another host is plain data."""

    def __init__(self, config: Mapping[str, object], *, node: str, gpus: Sequence[str]) -> None:
        """`node`: this host's address; `gpus`: those given to this process."""
        from joulecut_server.pool.hosting import HostedAgent  # noqa: PLC0415 - torch: the keeper runs no networks

        self._digest = config_digest(config)
        self._node = node
        self._gpu = gpus[0] if gpus else ""
        self._host = HostedAgent(placed(decode(ServerConfig, config, error=ConfigError), gpus))

    def report(self) -> ReplicaReport:
        """This server, now."""
        host, load, complaint = self._host, None, self._host.complaint
        if host.state in _LOAD_STATES:
            try:
                load = host.load()
            except JoulecutError as error:
                complaint = str(error)
        return ReplicaReport(
            state=host.state,
            pid=os.getpid(),
            config_digest=self._digest,
            address=reachable(host.address, self._node) if host.address else "",
            node=self._node,
            gpu=self._gpu,
            complaint=complaint,
            load=load,
        )

    def drain(self) -> int:
        """Stop serving as a server-agent does on SIGTERM; the process's id, once its clocks are restored."""
        self._host.stop()
        return os.getpid()


class RayReplica(Replica):
    """A replica that asks Ray where it is, and drains where its node is told to end."""

    def __init__(self, config: Mapping[str, object]) -> None:
        import ray  # noqa: PLC0415 - an extra; only a Ray worker makes one of these

        log_to_stderr(verbose=False)
        gpus = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        node = str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        super().__init__(config, node=node, gpus=[str(gpu) for gpu in gpus])
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._end)

    def _end(self, number: int, frame: FrameType | None) -> None:
        del frame
        # Not in here: what this interrupts may hold what draining needs, as the lock of the log.
        threading.Thread(target=self._drain_and_exit, args=(number,), name="end", daemon=True).start()

    def _drain_and_exit(self, number: int) -> None:
        _LOG.info("draining on %s", signal.Signals(number).name)
        self.drain()
        # Ray's own way out may wait for calls that wait for this process.
        os._exit(0)
