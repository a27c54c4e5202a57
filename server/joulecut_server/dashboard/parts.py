"""The parts of an agent that the dashboard looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from joulecut_core.devices import Device
from joulecut_core.timing import Clock
from joulecut_proto.security.identity import Identity
from joulecut_server.access.options import AccessOptions
from joulecut_server.device_clocks import DeviceClocks
from joulecut_server.planning.planning import ServerPlanning
from joulecut_server.reporting.device_watch import DeviceWatch
from joulecut_server.requests.inference import ServerInference
from joulecut_server.served_network import ServedNetworks
from joulecut_server.sessions.sessions import SessionBook


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentParts:
    """What a server-agent is made of. `clock`: the agents' own, which an emulated device may slow down.

    `rules`: those of its callers, as they are now. `owner_of`: whose a session is, None where nobody's is known.
    """

    device: Device
    clock: Clock
    clocks: DeviceClocks
    networks: ServedNetworks
    sessions: SessionBook
    planning: ServerPlanning
    inference: ServerInference
    watch: DeviceWatch
    rules: Callable[[], AccessOptions | None]
    owner_of: Callable[[str], Identity | None]
