"""What an edge's ledgers become as metrics: outcomes, and joules that say how they were obtained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import FallbackReason, RequestJoules, RequestLedger, RequestSeconds
from joulecut_edge.config import EdgeConfig
from joulecut_edge.metrics import EdgeMetrics
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.peers.servers import Servers
from joulecut_edge.peers.transport import Transport
from joulecut_edge.plans.wishes import Wishes
from joulecut_edge.requests.counters import Counters
from joulecut_edge.requests.footing import InForce
from joulecut_planner import load_problem, solve
from tests.architecture.tree import ROOT
from tests.edge.session_parts import Bench, active_plan, tiny_identity


def ledger(figures: FigureKind, *, served_by: str = "split", fallback: bool = False) -> RequestLedger:
    """A request of known shares."""
    return RequestLedger(
        request_id="r",
        epoch=1,
        cut=2,
        codec="raw",
        served_by=served_by,
        fallback=fallback,
        seconds=RequestSeconds(total=0.03),
        joules=RequestJoules(edge_busy=1.0, edge_wait=2.0, encode=4.0, radio=8.0, server=16.0),
        figures=figures,
    )


@pytest.fixture(name="metrics")
def _metrics() -> Iterator[EdgeMetrics]:
    with Bench() as bench:
        wishes = Wishes.from_config(EdgeConfig(device="emulated:t4", bundle="b"))
        offloading = Offloading(
            tiny_identity(), bench.session, bench.clock, wishes, Servers((), bench.clock), transport=Transport()
        )
        yield EdgeMetrics(bench.device, bench.session, offloading)


def joules(registry: CollectorRegistry, part: str) -> dict[str, float]:
    """A share's joules by how they were obtained."""
    return {
        sample.labels["figures"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "joulecut_energy_joules_total" and sample.labels["part"] == part
    }


def test_shares_that_nobody_metered_are_estimates(metrics: EdgeMetrics) -> None:
    """Waiting and radio come from the plan, the server's share from afar: on a real board only its own are measured."""
    metrics.answered(ledger(FigureKind.MEASURED))
    assert joules(metrics.registry, "edge_busy") == {"measured": 1.0}
    assert joules(metrics.registry, "encode") == {"measured": 4.0}
    assert joules(metrics.registry, "edge_wait") == {"estimated": 2.0}
    assert joules(metrics.registry, "radio") == {"estimated": 8.0}
    assert joules(metrics.registry, "server") == {"estimated": 16.0}


def test_emulated_joules_stay_apart(metrics: EdgeMetrics) -> None:
    """Whatever an emulated device's request cost is emulated, and never added to what was measured."""
    metrics.answered(ledger(FigureKind.EMULATED))
    metrics.answered(ledger(FigureKind.MEASURED))
    assert joules(metrics.registry, "radio") == {"emulated": 8.0, "estimated": 8.0}
    assert joules(metrics.registry, "edge_busy") == {"emulated": 1.0, "measured": 1.0}


def test_servers_make_no_series_without_end(metrics: EdgeMetrics) -> None:
    """One that calls its watts something else at each greeting, or something very long, fills no memory."""
    for number in range(100):
        info = replace(metrics._info, power_scope=f"{number} {'x' * 10_000}")
        metrics._offloading.server_info = info
        metrics.answered(ledger(FigureKind.EMULATED))
    scopes = [
        sample.labels["scope"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "joulecut_energy_joules_total" and sample.labels["part"] == "server"
    ]
    assert len(scopes) == len(set(scopes)) == 17
    assert max(map(len, scopes)) <= 200


def test_outcomes(metrics: EdgeMetrics) -> None:
    """Split, all on the server, alone by plan, alone in need, refused, left."""
    metrics.answered(ledger(FigureKind.EMULATED))
    metrics.answered(ledger(FigureKind.EMULATED, served_by="server"))
    metrics.answered(ledger(FigureKind.EMULATED, served_by="edge"))
    metrics.answered(ledger(FigureKind.EMULATED, served_by="edge", fallback=True))
    metrics.rejected()
    metrics.abandoned()
    found = {
        outcome: metrics.registry.get_sample_value("joulecut_requests_total", {"outcome": outcome})
        for outcome in ("offloaded", "local", "fallback", "rejected", "abandoned")
    }
    assert found == {"offloaded": 2, "local": 1, "fallback": 1, "rejected": 1, "abandoned": 1}
    assert metrics.registry.get_sample_value("joulecut_request_seconds_count") == 4


def test_without_a_server_or_a_link(metrics: EdgeMetrics) -> None:
    """What is not known is not told: no bandwidth, no ratios, no clock that was asked for."""
    told = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    assert not told & {"joulecut_link_bytes_per_second", "joulecut_link_round_trip_seconds", "joulecut_drift_ratio"}
    assert metrics.registry.get_sample_value("joulecut_server_connected") == 0
    assert metrics.registry.get_sample_value("joulecut_core_clock_hertz", {"kind": "requested"}) is None


def test_the_rate_of_the_plan(metrics: EdgeMetrics) -> None:
    """What comes can be compared with what was planned; without a rate nothing was."""
    value = metrics.registry.get_sample_value
    assert (value("joulecut_plan_rate_hertz"), value("joulecut_requests_waiting")) == (None, 0)
    metrics._session._footing.force = InForce(active=active_plan(None, period_s=0.5), remote=None)
    assert value("joulecut_plan_rate_hertz") == 2.0


def test_what_plans_expected_is_counted_by_the_plan_of_each_request(metrics: EdgeMetrics) -> None:
    """So that joules can be held against plans that change; a plan without joules expects none."""
    value, plan = metrics.registry.get_sample_value, solve(load_problem(ROOT / "docs" / "examples" / "camera.json"))
    metrics.answered(ledger(FigureKind.EMULATED))
    for edge_energy_j in (3.0, 0.5):
        promised = replace(plan, edge_energy_j=edge_energy_j, server_energy_j=4.0)
        active = replace(active_plan(None), plan=promised)
        metrics._session._footing.force = InForce(active=active, remote=None)
        metrics.answered(ledger(FigureKind.EMULATED))
        metrics.answered(ledger(FigureKind.MEASURED))
    metrics.abandoned()
    told = {side: value("joulecut_planned_energy_joules_total", {"side": side}) for side in ("edge", "server")}
    assert told == {"edge": 7.0, "server": 16.0}


def test_fallbacks_by_reason(metrics: EdgeMetrics) -> None:
    """Every reason is told from the start, at 0, so that a rate can be taken of each."""
    session = metrics._session
    session.counters = Counters(
        requests=9, local=3, fallbacks=3, retries=2, missed=4, reasons={FallbackReason.LATE: 2, FallbackReason.LOST: 1}
    )
    value = metrics.registry.get_sample_value
    told = {reason.value: value("joulecut_fallback_total", {"reason": reason.value}) for reason in FallbackReason}
    assert told == {"lost": 1, "late": 2, "refused": 0, "failed": 0}
    assert (value("joulecut_request_retries_total"), value("joulecut_slo_violations_total")) == (2, 4)
    assert (value("joulecut_recomputed_answers_total"), value("joulecut_dropped_replies_total")) == (0, 0)
