"""One request through the edge: split, alone, and whatever goes wrong in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import astuple, replace
from typing import NoReturn, TypeVar

import pytest
import torch

from joulecut_core.errors import (
    BundleError,
    ClockError,
    ConfigError,
    ContractError,
    DeviceError,
    JoulecutError,
    LinkError,
)
from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import FallbackReason, RequestLedger
from joulecut_edge.peers.remote import RemoteFailedError, fallback_reason
from joulecut_edge.requests.counters import Counters
from joulecut_edge.requests.session import EdgeSession
from joulecut_runtime.execution.failed_computation import FailedComputationError
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_runtime.networks.network import Network
from joulecut_runtime.wires.codecs import codec
from tests.edge.session_parts import DOWNLINK_BYTES, HIGH, LINK, LOW, Bench, active_plan
from tests.integration.tiny_network import pictures, tiny_network

T = TypeVar("T")

PICTURE = pictures(1)[0]
EXPECTED = tiny_network().whole((PICTURE,))[0]
LAST = tiny_network().table.last


def run(use: Callable[[Bench], Awaitable[T]], *, bench: Bench | None = None) -> T:
    """Run a coroutine on a bench of its own."""

    async def within() -> T:
        with bench or Bench() as made:
            return await use(made)

    return asyncio.run(within())


def stages_s(ledger: RequestLedger) -> float:
    """Seconds of all stages but the total."""
    stages: tuple[float, ...] = astuple(ledger.seconds)[:-1]
    return sum(stages)


def joules(ledger: RequestLedger) -> float:
    """What the edge's device drew for the request."""
    return ledger.joules.edge_busy + ledger.joules.encode + ledger.joules.edge_wait


@pytest.mark.parametrize("cut", range(LAST))
@pytest.mark.parametrize("wire", ["raw", "fp16"])
def test_a_split_request_gives_the_networks_answer(cut: int, wire: str) -> None:
    """At every cut the two halves answer as the whole does: to the bit with raw, the same class with fp16."""

    async def use(bench: Bench) -> None:
        await bench.session.switch(active_plan(cut, wire=wire), bench.remote)
        answer = await bench.session.infer("r", (PICTURE,))
        if wire == "raw":
            assert torch.equal(answer.outputs[0], EXPECTED)
        assert answer.outputs[0].argmax() == EXPECTED.argmax()
        ledger = answer.ledger
        assert (ledger.request_id, ledger.epoch, ledger.cut, ledger.codec) == ("r", 1, cut, wire)
        assert (ledger.served_by, ledger.fallback) == ("server" if cut == 0 else "split", False)
        assert ledger.figures is FigureKind.EMULATED

    run(use)


@pytest.mark.parametrize("energy_j", [0.5, None], ids=["joules", "none"])
def test_joules_of_a_server_that_are_estimates_make_the_ledger_one(energy_j: float | None) -> None:
    """One label stands for both sides: an emulated edge beside an estimated server is no emulation any more."""

    async def use(bench: Bench) -> None:
        bench.remote.energy_j, bench.remote.figures = energy_j, FigureKind.ESTIMATED
        await bench.session.switch(active_plan(2), bench.remote)
        assert (await bench.session.infer("r", (PICTURE,))).ledger.figures is FigureKind.ESTIMATED

    run(use)


def test_seconds_of_a_split_request_add_up() -> None:
    """The stages make the total, the server's own seconds apart from the link's: nothing is counted twice or lost."""

    async def use(bench: Bench) -> None:
        await bench.session.switch(active_plan(2), bench.remote)
        began_s = bench.clock.now_s()
        ledger = (await bench.session.infer("r", (PICTURE,))).ledger
        assert ledger.seconds.total == pytest.approx(bench.clock.now_s() - began_s)
        assert stages_s(ledger) == pytest.approx(ledger.seconds.total)
        assert ledger.seconds.up + ledger.seconds.down == pytest.approx(bench.remote.link_s)
        assert (ledger.seconds.server_queue, ledger.seconds.decode, ledger.seconds.tail) == (0.001, 0.002, 0.004)
        assert ledger.seconds.head > 0
        assert ledger.seconds.encode > 0

    run(use)


def test_crossings_are_kept_for_the_links_tail() -> None:
    """Seconds on the link beyond what bytes and estimate say, one for each split request and none for one alone."""

    async def use(bench: Bench) -> None:
        await bench.session.switch(active_plan(2), bench.remote)
        ledgers = [(await bench.session.infer(f"r{number}", (PICTURE,))).ledger for number in range(2)]
        bench.remote.failure = LinkError("gone")
        await bench.session.infer("alone", (PICTURE,))
        (first_s, second_s) = bench.session.crossings.excess_s(LINK)
        assert first_s == pytest.approx(second_s)
        sent = bench.runner.head(2, codec("raw"), (PICTURE,)).encoded
        up_bytes = sum(frame.size_bytes for frame in sent)
        predicted_s = LINK.rtt_s + 8.0 * (up_bytes / LINK.uplink_bps + DOWNLINK_BYTES / LINK.downlink_bps)
        taken_s = ledgers[0].seconds.up + ledgers[0].seconds.down
        assert first_s == pytest.approx(taken_s - predicted_s)

    run(use)


def test_the_way_up_takes_the_share_its_bytes_say() -> None:
    """What crosses upwards and the half round trip are weighed by the link's estimate against the way down."""

    async def use(bench: Bench) -> None:
        await bench.session.switch(active_plan(2), bench.remote)
        seconds = (await bench.session.infer("r", (PICTURE,))).ledger.seconds
        uplink_bytes = tiny_network().table.cuts[2].size_bytes
        up_s = 8 * uplink_bytes / LINK.uplink_bps + LINK.rtt_s / 2
        down_s = 8 * DOWNLINK_BYTES / LINK.downlink_bps + LINK.rtt_s / 2
        assert seconds.up / seconds.down == pytest.approx(up_s / down_s)
        assert seconds.up != pytest.approx(seconds.down)

    run(use)


def test_joules_of_a_split_request_are_what_the_device_drew() -> None:
    """Computing, encoding and waiting make the counter's difference; radio and server stand apart."""

    async def use(bench: Bench) -> None:
        await bench.session.switch(active_plan(2), bench.remote)
        before_j = bench.device.exact_energy_j
        ledger = (await bench.session.infer("r", (PICTURE,))).ledger
        # The quiet device waits at 2 W + 1 W per 100 MHz, so at 6 W; its laws have no noise.
        assert joules(ledger) == pytest.approx(bench.device.exact_energy_j - before_j)
        sent_bytes = tiny_network().table.cuts[2].size_bytes
        airtime_j = 8 * (LINK.uplink_w * sent_bytes / LINK.uplink_bps + LINK.downlink_w * 40 / LINK.downlink_bps)
        assert ledger.joules.radio == pytest.approx(airtime_j)
        assert ledger.joules.server == 0.5

    run(use)


def test_what_was_sent_for_nothing_has_cost_the_radio_its_joules() -> None:
    """A request that the edge finishes by itself answers for every attempt's bytes, and for none on the way down."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = RemoteFailedError("busy")
        await bench.session.switch(active_plan(2), bench.remote)
        ledger = (await bench.session.infer("r", (PICTURE,))).ledger
        assert (ledger.served_by, ledger.attempts) == ("edge", 2)
        sent_bytes = 2 * tiny_network().table.cuts[2].size_bytes
        assert ledger.joules.radio == pytest.approx(8 * LINK.uplink_w * sent_bytes / LINK.uplink_bps)

    run(use)


def test_with_a_rate_waiting_lasts_until_the_next_request() -> None:
    """At a known rate a request answers for the edge's draw over its whole period, not only until its answer."""

    async def use(bench: Bench) -> None:
        await bench.session.switch(active_plan(2, period_s=1.0), bench.remote)
        began_s, before_j = bench.clock.now_s(), bench.device.exact_energy_j
        ledger = (await bench.session.infer("r", (PICTURE,))).ledger
        bench.clock.sleep_until_s(began_s + 1.0)
        assert joules(ledger) == pytest.approx(bench.device.exact_energy_j - before_j)

    run(use)


def test_alone_the_edge_computes_everything() -> None:
    """Without a server the whole network runs here, and the ledger says so."""

    async def use(bench: Bench) -> None:
        await bench.session.go_local()
        ledger = (await bench.session.infer("r", (PICTURE,))).ledger
        assert (ledger.served_by, ledger.fallback, ledger.epoch, ledger.cut) == ("edge", False, 0, LAST)
        assert ledger.seconds.total == pytest.approx(ledger.seconds.head)
        assert ledger.joules.radio == ledger.joules.server == ledger.joules.encode == 0.0
        assert bench.session.counters == Counters(requests=1, local=1)

    run(use)


@pytest.mark.parametrize(
    "failure",
    [
        LinkError("the server did not answer in time"),
        ContractError("stale"),
        DeviceError("no room"),
        ConfigError("a proxy in between wants a password"),
        BundleError("anything else a server may say"),
    ],
    ids=lambda failure: type(failure).__name__,
)
@pytest.mark.parametrize("cut", [0, 2])
def test_whatever_the_server_says_the_edge_finishes(cut: int, failure: JoulecutError) -> None:
    """A failed server costs no answer: the edge goes on from the tensors it kept, unencoded, and flags it."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = failure
        await bench.session.switch(active_plan(cut, wire="affine8" if cut else "jpeg90"), bench.remote)
        before_j = bench.device.exact_energy_j
        answer = await bench.session.infer("r", (PICTURE,))
        # Lossy wires: only the kept tensors give the exact answer.
        assert torch.equal(answer.outputs[0], EXPECTED)
        ledger = answer.ledger
        assert (ledger.served_by, ledger.fallback, ledger.epoch) == ("edge", True, 1)
        reason = fallback_reason(failure)
        assert (ledger.fallback_reason, ledger.attempts) == (reason, 1)
        assert bench.session.counters == Counters(requests=1, local=1, fallbacks=1, reasons={reason: 1})
        assert joules(ledger) == pytest.approx(bench.device.exact_energy_j - before_j)
        assert ledger.joules.encode > 0
        assert ledger.joules.radio > 0
        lost_s = bench.remote.link_s + bench.remote.queue_s + bench.remote.decode_s + bench.remote.tail_s
        assert ledger.seconds.total == pytest.approx(ledger.seconds.head + ledger.seconds.encode + lost_s)

    run(use)


@pytest.mark.parametrize(("failure", "excused"), [(RemoteFailedError("index"), 2), (LinkError("gone"), 0)])
def test_what_fails_everywhere_is_not_the_server_s_failure(
    failure: JoulecutError, excused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inputs that cannot be computed with fail on the edge too: the server is excused, of no lost link."""

    async def use(bench: Bench) -> None:
        def fail(*_: object) -> NoReturn:
            raise FailedComputationError("IndexError: index out of range")

        monkeypatch.setattr(bench.runner, "rest", fail)
        bench.remote.failure = failure
        await bench.session.switch(active_plan(2), bench.remote)
        with pytest.raises(FailedComputationError):
            await bench.session.infer("r", (PICTURE,))
        assert bench.remote.excused == excused

    run(use)


def test_what_a_codec_cannot_carry_is_finished_here(caplog: pytest.LogCaptureFixture) -> None:
    """An infinity at the cut has no eight bits: the edge answers from the kept tensors, and says so now and then."""

    async def use(bench: Bench) -> None:
        graph = tiny_network().graph
        # The first layer's: sixteen channels, before the cut.
        name, spoiled = next((name, one.clone()) for name, one in graph.constants.items() if one.shape == (16,))
        spoiled[0] = torch.inf
        network = Network(replace(graph, constants={**graph.constants, name: spoiled}))
        session = EdgeSession(
            PartRunner(network, bench.device), bench.worker, bench.clock, active_plan(None, edge_clock=LOW)
        )
        await session.switch(active_plan(2, wire="affine8"), bench.remote)
        answer = await session.infer("r", (PICTURE,))
        assert torch.equal(answer.outputs[0].nan_to_num(), network.whole((PICTURE,))[0].nan_to_num())
        ledger = answer.ledger
        assert (ledger.served_by, ledger.fallback_reason, ledger.attempts) == ("edge", FallbackReason.FAILED, 0)
        assert not bench.remote.sent
        assert "request r/0: nothing can be sent: tensor" in caplog.text
        for _ in range(70):
            await session.infer("r", (PICTURE,))
        assert sum(record.levelno == logging.WARNING for record in caplog.records) == 60

    run(use)


def test_a_server_lost_while_the_head_computes() -> None:
    """A request whose server is gone before it could be asked is finished here, under its own epoch."""

    async def use(bench: Bench) -> None:
        await bench.session.switch(active_plan(2, epoch=7), None)
        answer = await bench.session.infer("r", (PICTURE,))
        assert torch.equal(answer.outputs[0], EXPECTED)
        assert (answer.ledger.fallback_reason, answer.ledger.epoch) == (FallbackReason.LOST, 7)
        assert answer.ledger.attempts == 0

    run(use)


def test_a_request_keeps_the_plan_it_began_under() -> None:
    """A switch takes effect at a request boundary: what is under way ends under its epoch, what follows has the new."""

    async def use(bench: Bench) -> None:
        bench.remote.reached, bench.remote.may_answer = asyncio.Event(), asyncio.Event()
        await bench.session.switch(active_plan(1, epoch=1), bench.remote)
        first = asyncio.create_task(bench.session.infer("first", (PICTURE,)))
        await bench.remote.reached.wait()
        await bench.session.switch(active_plan(3, epoch=2, wire="fp16", edge_clock=LOW), bench.remote)
        second = asyncio.create_task(bench.session.infer("second", (PICTURE,)))
        bench.remote.may_answer.set()
        ledgers = [answer.ledger for answer in await asyncio.gather(first, second)]
        assert [(ledger.epoch, ledger.cut, ledger.codec) for ledger in ledgers] == [(1, 1, "raw"), (2, 3, "fp16")]
        assert [(seen.epoch, seen.cut) for seen in bench.remote.seen] == [(1, 1), (2, 3)]
        assert bench.session.counters == Counters(requests=2, split=2, in_time=2)

    run(use)


def test_clocks_follow_the_plan_and_are_restored() -> None:
    """A switch holds the plan's clock, the local plan's comes back with `go_local`, and closing frees the device."""

    async def use(bench: Bench) -> None:
        await bench.session.switch(active_plan(2), bench.remote)
        assert bench.device.state().point == HIGH
        await bench.session.go_local()
        assert bench.device.state().point == LOW
        assert bench.session.active.offloads is False
        await bench.session.switch(active_plan(2, edge_clock=None), bench.remote)
        with bench.device.lease(HIGH):
            pass  # the governor had it: a lease is free
        await bench.session.switch(active_plan(2), bench.remote)
        await bench.session.close()
        with bench.device.lease(HIGH):
            pass

    run(use)


def test_an_edge_whose_clocks_are_in_other_hands_answers() -> None:
    """Under the board's governor until they are free; then the plan's clock is taken without anybody planning again."""

    async def use(bench: Bench) -> None:
        with bench.device.lease(HIGH):
            await bench.session.go_local()
            assert (await bench.session.infer("r", (PICTURE,))).ledger.served_by == "edge"
        bench.session.verify_clocks()
        assert bench.device.state().point == LOW

    run(use)


def test_a_plan_whose_clock_cannot_be_held_changes_nothing() -> None:
    """A clock that is not on the table is refused before plan or server are taken over."""

    async def use(bench: Bench) -> None:
        await bench.session.go_local()
        before = bench.session.active
        off_table = active_plan(2, edge_clock=type(HIGH)(core_mhz=123, memory_mhz=1000))
        with pytest.raises(ClockError, match="123/1000 MHz is not on the clock table"):
            await bench.session.switch(off_table, bench.remote)
        assert bench.session.active is before
        assert bench.device.state().point == LOW

    run(use)


def test_wrong_inputs_are_refused_before_anything_runs() -> None:
    """A wrong shape costs neither device time nor a place in the counters."""

    async def use(bench: Bench) -> None:
        with pytest.raises(ContractError, match=r"uint8\[1, 3, 31, 32\] for 'picture'; expected uint8\[1, 3, 32, 32\]"):
            await bench.session.infer("r", (PICTURE[:, :, 1:],))
        assert bench.session.counters == Counters()
        assert bench.runner.busy_s == 0.0

    run(use)


def test_patience_is_a_second_without_a_planned_latency() -> None:
    """The server gets a second at least, so that one slow reply of a fast plan is not given up."""

    async def use(bench: Bench) -> None:
        await bench.session.switch(active_plan(2), bench.remote)
        await bench.session.infer("r", (PICTURE,))
        assert bench.remote.timeouts_s == [1.0]

    run(use)
