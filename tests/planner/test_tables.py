"""A problem made of measurements says what was measured, and offers only what was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.errors import ProfileError
from joulecut_planner.side_models import ModelKind
from joulecut_planner.tables import build_problem
from tests.planner.synthetic_profiles import (
    EDGE_LAW,
    EDGE_TABLE_MHZ,
    SERVER_LAW,
    SERVER_TABLE_MHZ,
    WIRES,
    planning_inputs,
    synthetic_profile,
)


def test_the_problem_carries_the_measurements() -> None:
    """Points, tables, wires, link and scopes end up in their places."""
    problem = build_problem(planning_inputs())
    assert [point.core_mhz for point in problem.edge.points] == list(EDGE_TABLE_MHZ)
    assert problem.edge.points[0].wait_w == pytest.approx(EDGE_LAW.wait_w(150.0))
    assert problem.server.points[-1].idle_w == pytest.approx(SERVER_LAW.wait_w(2000.0))
    assert (problem.edge.power_scope, problem.server.power_scope) == ("module input", "GPU board")
    assert [cut.name for cut in problem.cuts] == ["input", "stem", "middle", "head", "output"]
    variant = problem.variants[0]
    assert variant.name == "eager-fp32"
    assert variant.edge.time_s[4][-1] == pytest.approx(EDGE_LAW.whole_s(600.0), rel=1e-3)
    assert variant.edge.time_std_s is not None
    assert variant.edge.time_std_s[4][-1] == pytest.approx(0.02 * EDGE_LAW.whole_s(600.0), rel=1e-3)
    assert variant.server.busy_w[0][-1] == pytest.approx(SERVER_LAW.busy_w(2000.0), rel=1e-3)
    assert problem.link.rtt_s == 0.002
    raw, quantised = problem.cuts[1].wires
    # The envelope is added to both directions.
    assert (raw.uplink_bytes, raw.downlink_bytes, raw.accuracy_loss) == (60_100.0, 4100.0, 0.0)
    assert (quantised.uplink_bytes, quantised.accuracy_loss) == (15_100.0, 0.004)
    assert (quantised.encode_s, quantised.decode_s, quantised.encode_w) == (0.0005, 0.0001, 1.0)


def test_codecs_are_offered_where_all_was_measured() -> None:
    """Without a measured encoder, decoder and wire a codec is not on offer; without any codec, nor is the cut."""
    inputs = planning_inputs()
    decoders = tuple(codec for codec in inputs.server.codecs if codec.codec == "raw" and codec.cut != 2)
    problem = build_problem(replace(inputs, server=replace(inputs.server, codecs=decoders)))
    assert [[wire.codec for wire in cut.wires] for cut in problem.cuts[:2]] == [["raw"], ["raw"]]
    assert [cut.allowed for cut in problem.cuts] == [True, True, False, True, True]
    without_wires = replace(inputs, wires=replace(WIRES, wires=()))
    assert [cut.allowed for cut in build_problem(without_wires).cuts] == [False, False, False, False, True]


def test_cpu_dvfs_tables() -> None:
    """The baseline model sees the same wires and link, and no waiting power."""
    problem, ours = build_problem(planning_inputs(), model=ModelKind.CPU_DVFS), build_problem(planning_inputs())
    assert {point.wait_w for point in problem.edge.points} == {0.0}
    assert {point.idle_w for point in problem.server.points} == {0.0}
    assert problem.cuts == ours.cuts
    assert problem.link == ours.link
    assert problem.variants[0].edge.busy_w[4][0] < 0.5 * ours.variants[0].edge.busy_w[4][0]


def test_profiles_of_different_things_are_refused() -> None:
    """Another network, another order of sides, other cuts, another precision: no problem comes of it."""
    inputs = planning_inputs()
    edge, server = inputs.edge, inputs.server
    with pytest.raises(ProfileError, match=r"server\.key\.network_digest"):
        replace(inputs, server=replace(server, key=replace(server.key, network_digest="sha256:11")))
    with pytest.raises(ProfileError, match=r"edge\.key\.side: 'server'"):
        replace(inputs, edge=server)
    with pytest.raises(ProfileError, match=r"server\.cut_names"):
        replace(inputs, server=replace(server, cut_names=("input", "stem", "middle", "tail", "output")))
    with pytest.raises(ProfileError, match="int8 at batch 1"):
        replace(inputs, edge=replace(edge, key=replace(edge.key, precision="int8")))
    stray = replace(WIRES, wires=(replace(WIRES.wires[0], cut=9),))
    with pytest.raises(ProfileError, match="cut 9; expected 0 to 4"):
        build_problem(replace(inputs, wires=stray))


def test_sides_may_differ_in_engine() -> None:
    """A server with another engine still belongs to the edge's precision."""
    server = synthetic_profile("server", SERVER_LAW, SERVER_TABLE_MHZ)
    other = replace(server, key=replace(server.key, engine="tensorrt"))
    assert build_problem(planning_inputs(server=other)).variants[0].name == "eager-fp32"
