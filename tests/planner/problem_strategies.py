"""Random and degenerate planning problems, as hypothesis strategies."""

from __future__ import annotations

from hypothesis import HealthCheck
from hypothesis import strategies as st

from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
    Objective,
    Problem,
    ProblemCut,
    Server,
    ServerPoint,
    SideTables,
    Slo,
    Variant,
    Wire,
)
from tests.planner.drawn_figures import TWO_IN_THREE, Figures, any_of, drawn_table

HOME_WIRE = Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)

SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large]
"""Checks of hypothesis that whole problems do not pass on a busy machine."""

# Few distinct values make ties common, a continuum makes every choice its own.
WATTS = st.one_of(st.sampled_from([0.0, 1.0, 5.0, 10.0]), st.floats(0.0, 60.0))
SPREADS = st.one_of(st.sampled_from([0.0, 0.0005]), st.floats(0.0, 0.01))
SIZES = st.one_of(st.sampled_from([0.0, 1000.0, 50_000.0]), st.floats(0.0, 200_000.0))
LOSSES = st.sampled_from([0.0, 0.0, 0.005, 0.01, 0.02])
_DEADLINES = st.one_of(st.none(), st.floats(0.001, 0.2))
_RATES = st.one_of(st.none(), st.floats(2.0, 300.0))
_SECONDS = Figures(common=(0.0, 0.001, 0.002, 0.01), most=0.05)
_WATTS = Figures(common=(0.0, 1.0, 5.0, 10.0), most=60.0)
_SPREADS = Figures(common=(0.0, 0.0005), most=0.01)


@st.composite
def tables(draw: st.DrawFn, cuts: int, points: int, idle_cut: int) -> SideTables:
    """One side's tables; the part of `idle_cut` takes no time."""
    return SideTables(
        time_s=drawn_table(draw, _SECONDS, cuts, points, idle_cut=idle_cut),
        busy_w=drawn_table(draw, _WATTS, cuts, points),
        time_std_s=drawn_table(draw, _SPREADS, cuts, points) if draw(st.booleans()) else None,
    )


@st.composite
def wires(draw: st.DrawFn) -> Wire:
    """A wire with costs on both sides."""
    return Wire(
        codec=draw(any_of("raw", "fp16", "u8", "jpeg")),
        uplink_bytes=draw(SIZES),
        downlink_bytes=draw(any_of(0.0, 1000.0)),
        accuracy_loss=draw(LOSSES),
        encode_s=draw(any_of(0.0, 0.001)),
        encode_w=draw(any_of(0.0, 2.0)),
        decode_s=draw(any_of(0.0, 0.0005)),
        decode_w=draw(any_of(0.0, 30.0)),
    )


_WIRES = st.lists(wires(), min_size=1, max_size=2)


@st.composite
def service_levels(draw: st.DrawFn) -> Slo:
    """Every combination of deadline, quantile, margin and rate."""
    return Slo(
        latency_s=draw(_DEADLINES),
        quantile=draw(st.one_of(st.none(), st.sampled_from([0.9, 0.99]))),
        margin=draw(any_of("cantelli", "gaussian")),
        rate_hz=draw(_RATES),
    )


@st.composite
def links(draw: st.DrawFn) -> Link:
    """From a bad cell to a link that costs nothing."""
    return Link(
        uplink_bps=draw(any_of(1e5, 1e6, 2e7, 1e9, 1e15)),
        downlink_bps=draw(any_of(1e6, 1e9)),
        rtt_s=draw(any_of(0.0, 0.002, 0.02)),
        latency_std_s=draw(SPREADS),
        uplink_w=draw(any_of(0.0, 1.5)),
        downlink_w=draw(any_of(0.0, 1.0)),
    )


@st.composite
def problems(draw: st.DrawFn, *, max_cuts: int = 4, max_points: int = 4) -> Problem:
    """Small whole problems, degenerate ones included: two cuts, one clock, zero weights, forbidden cuts."""
    cuts = draw(st.integers(2, max_cuts))
    edge_points, server_points = draw(st.integers(1, max_points)), draw(st.integers(1, max_points))
    weights = any_of(0.0, 1.0, 1.0, 0.3)
    return Problem(
        slo=draw(service_levels()),
        max_accuracy_loss=draw(any_of(0.0, 0.01, 0.03)),
        objective=Objective(
            edge_weight=draw(weights),
            server_weight=draw(weights),
            server_idle_share=draw(any_of(0.0, 0.25, 1.0)),
        ),
        link=draw(links()),
        edge=Edge(points=tuple(_edge_point(draw, index) for index in range(edge_points)), power_scope="module input"),
        server=Server(
            points=tuple(
                ServerPoint(core_mhz=500.0 + index, memory_mhz=None, idle_w=draw(WATTS))
                for index in range(server_points)
            )
        ),
        cuts=(
            *(
                ProblemCut(
                    name=f"cut{c}",
                    wires=tuple(draw(_WIRES)),
                    allowed=draw(TWO_IN_THREE),
                )
                for c in range(cuts - 1)
            ),
            ProblemCut(name="output", wires=(HOME_WIRE,), allowed=draw(TWO_IN_THREE)),
        ),
        variants=tuple(
            Variant(
                name=f"variant{v}",
                accuracy_loss=draw(LOSSES),
                edge=draw(tables(cuts, edge_points, 0)),
                server=draw(tables(cuts, server_points, cuts - 1)),
            )
            for v in range(draw(st.integers(1, 2)))
        ),
    )


def _edge_point(draw: st.DrawFn, index: int) -> EdgePoint:
    return EdgePoint(core_mhz=300.0 + index, memory_mhz=2133.0, wait_w=draw(WATTS))
