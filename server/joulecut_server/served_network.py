"""A network as this server serves it: its parts, its bundle's files for edges that lack them, its profile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.errors import ContractError
from joulecut_core.profiles import Profile
from joulecut_runtime.execution.part_runner import PartRunner


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedNetwork:
    """One packed network on this server's device."""

    folder: Path
    runner: PartRunner
    profile: Profile

    @property
    def name(self) -> str:
        """The network's name."""
        return self.runner.network.table.network

    @property
    def digest(self) -> str:
        """What identifies graph and weights."""
        return self.runner.network.table.digest


class ServedNetworks:
    """The networks of this server by digest."""

    def __init__(self, networks: tuple[ServedNetwork, ...]) -> None:
        self._by_digest = {network.digest: network for network in networks}

    def __iter__(self) -> Iterator[ServedNetwork]:
        return iter(self._by_digest.values())

    def find(self, digest: str) -> ServedNetwork:
        """The network of that digest; raises ContractError naming those there are."""
        found = self._by_digest.get(digest)
        if found is None:
            known = ", ".join(f"{network.name} {network.digest}" for network in self._by_digest.values())
            known = known or "none, this server only plans"
            raise ContractError(f"network {digest[:80]!r} is not served here; expected one of: {known}")
        return found
