"""How much a server-agent has to do: read by whoever decides how many servers there should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from joulecut_core.timing import Clock

if TYPE_CHECKING:  # who reads loads of others needs no torch
    from joulecut_server.reporting.device_watch import DeviceWatch
    from joulecut_server.requests.inference import ServerInference
    from joulecut_server.served_network import ServedNetworks
    from joulecut_server.sessions.sessions import SessionBook


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReading:
    """One look at a server-agent. Utilisation is the difference of `busy_s` over that of `time_s` between two looks.

    `time_s` and `busy_s` are seconds of the agent's clock: now, and those in which it has computed since its start.
    `waiting`: requests that arrive, wait or compute now; `sessions`: edges it plans for; `streams`: edges connected.
    `power_w` and `energy_j` are the device's own, None without a meter. `is_well`: whether its device can compute.
    """

    time_s: float
    busy_s: float
    waiting: int
    sessions: int
    streams: int
    power_w: float | None
    energy_j: float | None
    is_well: bool


class LoadGauge:
    """Reads one server-agent. Used from its event loop only."""

    def __init__(
        self,
        watch: DeviceWatch,
        clock: Clock,
        networks: ServedNetworks,
        sessions: SessionBook,
        inference: ServerInference,
    ) -> None:
        self._watch = watch
        self._clock = clock
        self._networks = networks
        self._sessions = sessions
        self._inference = inference

    async def read(self) -> LoadReading:
        """The load now. Raises DeviceError where the device cannot be read."""
        state = await self._watch.reading()
        return LoadReading(
            time_s=self._clock.now_s(),
            busy_s=sum(network.runner.busy_s for network in self._networks),
            waiting=self._inference.waiting,
            sessions=len(self._sessions),
            streams=self._inference.streams,
            power_w=state.power_w,
            energy_j=state.energy_j,
            is_well=self._inference.device_is_well,
        )
