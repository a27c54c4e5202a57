"""A device whose work does not end in a running agent: a server's edges and an edge's applications are told."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from functools import partial, partialmethod
from typing import Any

import pytest

from joulecut_core.devices import DeviceState
from joulecut_core.errors import DeviceError
from joulecut_edge import agent as edge_agent
from joulecut_edge.requests.request_turns import RequestTurns
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.execution.device_reading import DeviceReading
from joulecut_runtime.execution.leaving import HungDeviceError, give_back
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_server import agent as server_agent
from joulecut_server.reporting.device_watch import DeviceWatch
from tests.integration.site import WAIT_S, Site, application
from tests.integration.talking import talk
from tests.integration.test_lost_gpu import LOOK_EVERY_S, NOT_SERVING, SERVING, until_health
from tests.integration.tiny_network import pictures

LONGEST_S = 0.1
WORK_S = 0.1


def test_work_that_hangs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told while it lasts and forgiven when it ends; an agent that has to stop meanwhile does not wait for it."""
    tail, free, entered = PartRunner.tail, threading.Event(), threading.Event()

    def hanging(self: PartRunner, *parts: Any) -> Any:
        entered.set()
        assert free.wait(WAIT_S)
        return tail(self, *parts)

    monkeypatch.setattr(PartRunner, "tail", hanging)
    monkeypatch.setattr(server_agent, "DeviceWatch", partial(DeviceWatch, every_s=LOOK_EVERY_S))
    monkeypatch.setattr(server_agent, "longest_work_s", lambda _: LONGEST_S)
    monkeypatch.setattr(server_agent, "give_back", partial(give_back, work_s=WORK_S))

    async def test() -> None:
        config = replace(site.server(), drain_s=0.1)
        async with server_agent.serving(config) as server, talk(server) as (edge, _):
            await edge.send("hangs-once")
            assert await until_health(server, NOT_SERVING) == SERVING
            await edge.send("meanwhile")
            assert (await edge.reply()).header.status is ReplyStatus.FAILED
            free.set()
            assert (await edge.reply()).header.status is ReplyStatus.OK
            await until_health(server, SERVING)
            free.clear()
            entered.clear()
            await edge.send("hangs-for-good")
            assert await asyncio.to_thread(entered.wait, WAIT_S)

    try:
        with pytest.raises(HungDeviceError, match="its clocks were given back"):
            asyncio.run(asyncio.wait_for(test(), WAIT_S))
    finally:
        free.set()


def test_an_edges_own_work_that_hangs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the device has an error in place of an answer, who comes as well, and is answered after it."""
    whole, free, entered = PartRunner.whole, threading.Event(), threading.Event()

    def hanging(self: PartRunner, *parts: Any) -> Any:
        entered.set()
        assert free.wait(WAIT_S)
        return whole(self, *parts)

    monkeypatch.setattr(PartRunner, "whole", hanging)
    monkeypatch.setattr(RequestTurns, "keep", partialmethod(RequestTurns.keep, every_s=LOOK_EVERY_S))
    monkeypatch.setattr(edge_agent, "longest_work_s", lambda _: LONGEST_S)

    async def test() -> None:
        async with edge_agent.serving(site.edge("127.0.0.1:9")) as edge, application(edge) as app:
            picture = pictures(1)[0]
            for name in ("hangs", "meanwhile"):
                with pytest.raises(DeviceError, match="the device failed"):
                    await app.infer(picture, name)
            assert entered.is_set()
            free.set()
            while True:
                try:
                    await app.infer(picture, "after")
                    break
                except DeviceError:
                    await asyncio.sleep(LOOK_EVERY_S)

    asyncio.run(asyncio.wait_for(test(), WAIT_S))


def test_an_edge_whose_device_cannot_be_read_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask while its driver hangs: each hears in time, and requests and plans have their threads."""
    state, free, entered = EmulatedDevice.state, threading.Event(), threading.Event()
    readers: set[threading.Thread] = set()

    def hanging(self: EmulatedDevice) -> DeviceState:
        if not free.is_set():
            entered.set()
            readers.add(threading.current_thread())
            assert free.wait(WAIT_S)
        return state(self)

    monkeypatch.setattr(DeviceReading, "__init__", partialmethod(DeviceReading.__init__, answer_s=0.01))

    async def test() -> None:
        async with edge_agent.serving(site.edge("127.0.0.1:9")) as edge, application(edge) as app:
            monkeypatch.setattr(EmulatedDevice, "state", hanging)
            for _ in range(40):
                with pytest.raises(DeviceError, match="the device failed"):
                    await app.status()
            # One for all who ask, and one for who watches for drift.
            assert len({each for each in readers if each.name not in {"device-reading", "device"}}) <= 2
            free.set()
            while True:
                try:
                    await app.status()
                    break
                except DeviceError:
                    await asyncio.sleep(LOOK_EVERY_S)

    try:
        asyncio.run(asyncio.wait_for(test(), WAIT_S))
    finally:
        free.set()
    assert entered.is_set()
