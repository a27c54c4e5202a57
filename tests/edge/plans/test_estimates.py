"""Joules of requests whose stages no meter can tell apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState, Execution, Lease
from joulecut_core.errors import LinkError
from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import RequestLedger
from joulecut_core.plans import Breakdown
from joulecut_core.workloads import Workload
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.plans.estimates import edge_busy_j, encode_j, server_j
from joulecut_runtime.devices.emulated import EmulatedDevice
from tests.edge.session_parts import Bench, active_plan
from tests.integration.tiny_network import pictures

PLANNED = Breakdown(
    t_edge=0.02,
    encode_s=0.001,
    t_up=0.0,
    rtt_s=0.0,
    decode_s=0.002,
    t_server=0.004,
    t_down=0.0,
    edge_busy_j=0.2,
    edge_wait_j=0.0,
    encode_j=0.005,
    radio_j=0.0,
    server_busy_j=0.4,
    decode_j=0.04,
    server_idle_j=0.0,
)
"""10 W and 5 W on the edge, 20 W and 100 W on the server."""


class Unmetered:
    """A device that times runs and cannot tell their joules."""

    def __init__(self, inner: EmulatedDevice) -> None:
        self._inner = inner

    @property
    def info(self) -> DeviceInfo:
        return self._inner.info

    @property
    def clock_table(self) -> ClockTable:
        return self._inner.clock_table

    def lease(self, point: OperatingPoint) -> AbstractContextManager[Lease]:
        return self._inner.lease(point)

    def state(self) -> DeviceState:
        return self._inner.state()

    @contextmanager
    def execution(self, workload: Workload) -> Iterator[Execution]:
        with self._inner.execution(workload) as execution:
            yield TimedOnly(execution)

    def close(self) -> None:
        self._inner.close()


class TimedOnly:
    """An execution without joules."""

    energy_j = None

    def __init__(self, inner: Execution) -> None:
        self._inner = inner

    def mark(self) -> None:
        self._inner.mark()

    @property
    def elapsed_s(self) -> float:
        return self._inner.elapsed_s

    @property
    def marks_s(self) -> tuple[float, ...]:
        return self._inner.marks_s


def planned(plan: ActivePlan, breakdown: Breakdown | None = PLANNED) -> ActivePlan:
    """The plan with watts."""
    if breakdown is None:
        return plan
    chosen = replace(
        plan.plan,
        cut=plan.assignment.cut,
        cut_name="there",
        codec=plan.assignment.codec,
        variant=plan.assignment.variant,
        latency_s=0.03,
        latency_bound_s=0.03,
        energy_j=0.6,
        edge_energy_j=0.2,
        server_energy_j=0.4,
        breakdown=breakdown,
    )
    return replace(plan, plan=chosen)


def ledger_of(plan: ActivePlan, *, server_lost: bool = False) -> RequestLedger:
    """One request's ledger on a device whose meter is too slow for it."""

    async def infer() -> RequestLedger:
        with Bench() as bench:
            bench.runner.device = Unmetered(bench.device)
            bench.remote.failure = LinkError("gone") if server_lost else None
            await bench.session.switch(plan, bench.remote)
            return (await bench.session.infer("r", pictures(1)[:1])).ledger

    return asyncio.run(infer())


def test_seconds_are_priced_at_the_plans_watts() -> None:
    """A stage that takes longer than planned costs as much more; a stage the plan has not, nothing."""
    plan = planned(active_plan(2))
    assert edge_busy_j(plan, 0.03) == pytest.approx(0.3)
    assert encode_j(plan, 0.001) == pytest.approx(0.005)
    assert server_j(plan, decode_s=0.001, tail_s=0.01) == pytest.approx(0.02 + 1.0)
    nothing = planned(active_plan(2), replace(PLANNED, t_edge=0.0, edge_busy_j=0.0))
    assert edge_busy_j(nothing, 0.03) == 0.0
    assert edge_busy_j(planned(active_plan(2), None), 0.03) == 0.0


def test_a_split_requests_ledger_is_estimated() -> None:
    """Head and encoding at the plan's watts, the server's joules as it told them, labelled as an estimate."""
    ledger = ledger_of(planned(active_plan(2)))
    assert ledger.figures is FigureKind.ESTIMATED
    assert 0 < ledger.joules.edge_busy == pytest.approx(10.0 * ledger.seconds.head)
    assert 0 < ledger.joules.encode == pytest.approx(5.0 * ledger.seconds.encode)
    assert ledger.joules.server == 0.5


def test_a_fallbacks_ledger_is_estimated() -> None:
    """What the edge computed before and after the loss counts, at the plan's watts."""
    ledger = ledger_of(planned(active_plan(2)), server_lost=True)
    assert ledger.fallback
    assert ledger.figures is FigureKind.ESTIMATED
    assert 0 < ledger.joules.edge_busy == pytest.approx(10.0 * ledger.seconds.head)
