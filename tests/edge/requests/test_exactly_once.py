"""Requests, plans, servers and failures in random order: every request is answered once, rightly, and says by whom."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import pytest
import torch

from joulecut_core.devices import DeviceState
from joulecut_core.errors import ContractError, JoulecutError, LinkError
from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import FallbackReason
from joulecut_core.plans import Assignment
from joulecut_core.tensor_frames import TensorFrame
from joulecut_edge.peers.remote import RemoteFailedError, RemoteReply, UnansweredError
from joulecut_edge.plans.local_tail import LocalTail
from joulecut_edge.requests.session import Answer
from joulecut_proto.inference_messages import Origin, ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_runtime.wires.codecs import codec
from tests.edge.requests.test_lost_servers import WaitingClock
from tests.edge.session_parts import HIGH, LOW, Bench, active_plan, planned
from tests.integration.tiny_network import pictures, tiny_network
from tests.thoroughness import THOROUGH

PICTURES = pictures(8, seed=3)
EXPECTED = [tiny_network().whole((picture,))[0] for picture in PICTURES]
LAST = tiny_network().table.last
STEPS = 60
WAIT_S = 60.0

OUTCOMES: tuple[JoulecutError | None, ...] = (
    None,
    None,
    None,
    LinkError("connection reset"),
    RemoteFailedError("out of memory"),
    UnansweredError("silent"),
    ContractError("stale"),
    TurnedAwayError("full", ReplyStatus.OVERLOADED, 0.02),
    TurnedAwayError("bye", ReplyStatus.DRAINING),
)


@dataclass(slots=True, kw_only=True)
class Call:
    """One attempt that a server holds; it ends when the schedule says so."""

    request_id: str
    attempt: int
    assignment: Assignment
    encoded: Sequence[TensorFrame]
    end: asyncio.Future[RemoteReply]


@dataclass(slots=True)
class Scripted:
    """A server whose answers wait for the schedule."""

    name: str
    calls: list[Call] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    seen: list[tuple[str, int]] = field(default_factory=list)

    async def finish(
        self,
        request_id: str,
        assignment: Assignment,
        encoded: Sequence[TensorFrame],
        *,
        timeout_s: float,
        attempt: int = 0,
    ) -> RemoteReply:
        assert timeout_s > 0.0
        end: asyncio.Future[RemoteReply] = asyncio.get_running_loop().create_future()
        call = Call(request_id=request_id, attempt=attempt, assignment=assignment, encoded=encoded, end=end)
        self.calls.append(call)
        self.seen.append((request_id, attempt))
        return await end

    def excuse(self, attempts: int) -> None:
        raise AssertionError(f"{attempts} failures excused, though the edge computes everything")

    async def device_state(self) -> DeviceState:
        raise LinkError("this server does not tell how it runs")

    def decide(self, call: Call, failure: JoulecutError | None) -> None:
        """End one attempt."""
        self.calls.remove(call)
        if call.end.done():
            return  # its request was given up
        if failure is not None:
            call.end.set_exception(
                type(failure)(*failure.args) if not isinstance(failure, TurnedAwayError) else failure
            )
            return
        self.answered[call.request_id] += 1
        tensors = codec(call.assignment.codec).decode(call.encoded)
        cut = call.assignment.cut
        outputs = (tiny_network().whole if cut == 0 else tiny_network().tail(cut))(tensors)
        origin = Origin.COMPUTED if call.attempt == 0 else Origin.RECOMPUTED
        call.end.set_result(
            RemoteReply(
                outputs=outputs,
                queue_s=0.0,
                decode_s=0.001,
                tail_s=0.002,
                energy_j=0.1,
                uplink_bytes=100,
                downlink_bytes=40,
                figures=FigureKind.EMULATED,
                origin=origin,
            )
        )


class Schedule:
    """Random operations on one session; deterministic for a seed but for the worker's thread, which no check needs."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.draw = Random(seed)  # noqa: S311 - a schedule
        self.servers = [Scripted("a"), Scripted("b")]
        self.epoch = 0
        self.asked: dict[int, asyncio.Task[Answer]] = {}
        self.given_up: set[int] = set()

    async def run(self) -> None:
        """A while of everything, then an end for whatever is left."""
        for _ in range(STEPS):
            await self.draw.choices(
                (self.ask, self.decide, self.switch, self.go_local, self.replace, self.nobody, self.wait, self.give_up),
                weights=(10, 10, 4, 2, 2, 1, 3, 1),
            )[0]()
            await self.settle()
        for _ in range(10 * STEPS):
            if all(task.done() for task in self.asked.values()):
                break
            await self.nobody()
            await self.decide()
            await self.settle()

    async def settle(self) -> None:
        """Let the worker and all that follows from it come to rest."""
        for _ in range(5):
            await asyncio.sleep(0)
            while self.bench.worker.waiting:
                await asyncio.sleep(0)

    async def ask(self) -> None:
        number = len(self.asked)
        picture = PICTURES[number % len(PICTURES)]
        self.asked[number] = asyncio.create_task(self.bench.session.infer("the same", (picture,)))

    async def decide(self) -> None:
        held = [(server, call) for server in self.servers for call in server.calls]
        if held:
            server, call = self.draw.choice(held)
            server.decide(call, self.draw.choice(OUTCOMES))

    async def switch(self) -> None:
        self.epoch += 1
        cut = self.draw.choice([0, 2, 2, 2, LAST])
        tail = LocalTail(time_s=0.1, fastest_s=0.05, fastest=HIGH, clocks=((LOW, 0.1), (HIGH, 0.05)))
        active = active_plan(
            None if cut == LAST else cut,
            epoch=self.epoch,
            edge_clock=self.draw.choice([LOW, HIGH, None]),
            deadline_s=self.draw.choice([None, 0.5, 5.0]),
            tail=tail,
            plan=planned(head_s=0.01, remote_s=0.1),
        )
        await self.bench.session.switch(active, self.draw.choice(self.servers))

    async def go_local(self) -> None:
        await self.bench.session.go_local()

    async def replace(self) -> None:
        old, new = self.draw.sample(self.servers, 2)
        await self.bench.session.replace_remote(old, new)

    async def nobody(self) -> None:
        self.bench.session.expect_nobody()

    async def wait(self) -> None:
        self.bench.clock.advance_s(self.draw.choice([0.001, 0.05, 0.6]))

    async def give_up(self) -> None:
        waiting = [number for number, task in self.asked.items() if not task.done()]
        if waiting:
            number = self.draw.choice(waiting)
            self.asked[number].cancel()
            self.given_up.add(number)


def check(schedule: Schedule, answers: dict[int, Answer]) -> None:
    """What must hold of any history."""
    sent = [(request_id, attempt) for server in schedule.servers for request_id, attempt in server.seen]
    assert len(set(sent)) == len(sent), "an attempt was sent twice"
    assert {attempt for _, attempt in sent} <= {0, 1}
    computed = sum((server.answered for server in schedule.servers), Counter[str]())
    for number, answer in answers.items():
        assert torch.equal(answer.outputs[0], EXPECTED[number % len(EXPECTED)])
        ledger = answer.ledger
        attempts = sum(request_id == f"the%20same/{number}" for request_id, _ in sent)
        assert ledger.attempts == attempts
        assert (ledger.fallback_reason is None) is not ledger.fallback
        if ledger.served_by == "edge":
            assert computed[f"the%20same/{number}"] == 0
        else:
            assert (computed[f"the%20same/{number}"], ledger.fallback) == (1, False)
        if ledger.fallback_reason is FallbackReason.LOST:
            assert attempts in (1, 2)
    counters = schedule.bench.session.counters
    if not schedule.given_up:
        assert counters.requests == len(answers)
    assert counters.requests == counters.split + counters.local
    assert counters.fallbacks == sum(counters.reasons.values()) <= counters.local


@pytest.mark.parametrize("seed", range(40 if THOROUGH else 12))
def test_every_request_is_answered_once(seed: int) -> None:
    """Plans change, servers fail, refuse or are silent, applications leave: no answer is lost, wrong or given twice."""

    async def run() -> None:
        with Bench(clock=WaitingClock()) as bench:
            schedule = Schedule(bench, seed)
            await schedule.run()
            kept = {number: task for number, task in schedule.asked.items() if number not in schedule.given_up}
            assert all(task.done() for task in schedule.asked.values()), "a request was left without an answer"
            answers = {number: task.result() for number, task in kept.items()}
            check(schedule, answers)
            assert bench.session.idle
            await bench.session.close()

    asyncio.run(asyncio.wait_for(run(), WAIT_S))
