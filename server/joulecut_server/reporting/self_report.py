"""What this server tells its edges about itself: who it is, its state, profiles, bundles, meter, echoes."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from joulecut_core.devices import Device, DeviceState
from joulecut_core.energy import EnergyReading
from joulecut_core.errors import BundleError
from joulecut_core.profiles import Profile
from joulecut_core.timing import Clock
from joulecut_proto.agent_messages import AgentState, BundleChunk, Echo, EchoReply, Hello, HelloReply, NetworkId, Side
from joulecut_proto.contract import CONTRACT_VERSION, check_slowdown
from joulecut_proto.tensors import CHUNK_BYTES
from joulecut_runtime.networks.bundle_signature import files_with_signature
from joulecut_runtime.profiling.metering import MeterReader, overrun_s
from joulecut_server.device_clocks import DeviceClocks
from joulecut_server.reporting.echo_turns import LARGE_BYTES, EchoTurns
from joulecut_server.served_network import ServedNetworks
from joulecut_server.sessions.sessions import SessionBook


class ServerReport:
    """Implements the Agent service."""

    def __init__(
        self,
        *,
        name: str,
        slowdown: float,
        device: Device,
        reading: Callable[[], Awaitable[DeviceState]],
        clock: Clock,
        clocks: DeviceClocks,
        networks: ServedNetworks,
        sessions: SessionBook,
    ) -> None:
        """`reading`: the device's state, on a thread of its own, since a device that hangs keeps it."""
        self._name = name
        self._slowdown = slowdown
        self._device = device
        self._reading = reading
        self._clock = clock
        self._meter = MeterReader(device, clock)
        self._clocks = clocks
        self._networks = networks
        self._sessions = sessions
        self._echo_turns = EchoTurns()
        self._instance = secrets.token_hex(8)

    async def hello(self, hello: Hello) -> HelloReply:
        """Who this is; refuses a caller that lives in another emulated time."""
        check_slowdown(hello.slowdown, self._slowdown, peer=hello.name)
        return HelloReply(
            contract_version=CONTRACT_VERSION,
            name=self._name,
            side=Side.SERVER,
            slowdown=self._slowdown,
            device=self._device.info,
            networks=tuple(NetworkId(name=network.name, digest=network.digest) for network in self._networks),
            epoch=self._sessions.last_epoch,
            instance=self._instance,
        )

    async def state(self) -> AgentState:
        """A reading of the device."""
        return AgentState(device=await self._reading(), leased=self._clocks.leased, overrun_s=overrun_s(self._device))

    async def profile(self, network_digest: str) -> Profile:
        """This server's profile of a network."""
        return self._networks.find(network_digest).profile

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        """The files of a bundle, for an edge that lacks it, or has some of it."""
        folder = self._networks.find(network_digest).folder
        for name in await asyncio.to_thread(files_with_signature, folder):
            # By the piece: weights are large, and a caller that reads slowly must not hold them in memory.
            with await asyncio.to_thread(_opened, folder / name) as file:
                total_bytes = os.fstat(file.fileno()).st_size
                held = held_bytes.get(name, 0)
                start = file.seek(held if held <= total_bytes else 0)
                for offset in range(start, total_bytes, CHUNK_BYTES):
                    data = await asyncio.to_thread(file.read, CHUNK_BYTES)
                    yield BundleChunk(file=name, offset=offset, data=data, total_bytes=total_bytes)

    async def read_meter(self, not_before_s: float | None) -> EnergyReading:
        """The energy counter at its first tick from `not_before_s` on, and how long the device had computed by then."""
        reading = await self._meter.read(not_before_s)
        return replace(reading, busy_s=sum(network.runner.busy_s for network in self._networks))

    async def echo(self, echo: Echo) -> EchoReply:
        """As many bytes as were asked for, in their turn."""
        start_s = self._clock.now_s()
        if echo.reply_bytes >= LARGE_BYTES:
            await self._echo_turns.next()
        payload = bytes(echo.reply_bytes)
        return EchoReply(payload=payload, server_s=self._clock.now_s() - start_s)


def _opened(path: Path) -> BinaryIO:
    """A bundle's file. Raises BundleError where it has gone since the start; a pipe in its place may never open."""
    try:
        if not path.is_file():
            raise BundleError(f"{path} is gone, or no file any more; put the bundle back, or restart without it")
        return path.open("rb")
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error}; put the bundle back, or restart without it") from error
