"""What an edge tells servers about itself."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.profiles import Profile
from joulecut_core.wires import WireTable
from joulecut_edge.config import Radio
from joulecut_runtime.networks.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeIdentity:
    """Who it is, and what it runs on what. `priority`: of its requests."""

    name: str
    session_id: str
    slowdown: float
    network: Network
    profile: Profile
    wires: WireTable
    radio: Radio
    priority: int = 0
