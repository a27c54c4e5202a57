"""The demo's pictures: what was metered against what was planned, and the plan at other bandwidths."""

from __future__ import annotations

from collections.abc import Sequence

from joulecut.demo.results import ObjectiveResult, PolicyResult, SweepRow
from joulecut.reports import palette
from joulecut.reports.charts import Axis, Bars, Chart, Layer, Line, Panel, Points, Rule, Shape

_JOINT = "joint"
_SHAPES = (Shape.CIRCLE, Shape.SQUARE, Shape.DIAMOND, Shape.TRIANGLE)


def metered_chart(result: ObjectiveResult) -> Chart:
    """Every policy's metered joules over its metered latency, with the planner's front; hollow: misses deadlines."""
    layers: list[Layer] = []
    if result.front:
        layers.append(
            Line(
                name="planned front (99th percentile's bound)",
                x=tuple(1e3 * step.latency_bound_s for step in result.front),
                y=tuple(1e3 * step.energy_j for step in result.front),
                colour=palette.GREY,
                step=True,
                dots=True,
            )
        )
    layers += [_point(index, same) for index, same in enumerate(by_configuration(result))]
    return Chart(
        name=f"front-{result.objective}",
        title=f"Energy against latency, objective {result.objective}",
        caption=(
            f"Points: {result.labels['energy']}, median latency with a whisker to the 99th percentile; policies that "
            "came to one configuration share a point, a hollow one misses the deadline. The front is estimated."
        ),
        panels=(
            Panel(
                x=Axis(label="latency, ms"),
                y=Axis(label=f"energy of one request ({result.objective}), mJ"),
                layers=tuple(layers),
                rules=(Rule(at=1e3 * result.slo_s, label="deadline"),),
                height=400,
            ),
        ),
    )


def joules_chart(result: ObjectiveResult) -> Chart:
    """Each policy's joules by where they were drawn, unweighted: edge without its radio, radio, server."""
    policies = result.policies
    edge = [1e3 * (each.metered.edge_energy_j - each.metered.radio_j) for each in policies]
    radio = [1e3 * each.metered.radio_j for each in policies]
    server = [1e3 * each.metered.server_energy_j for each in policies]
    behind_radio = [1e3 * each.metered.edge_energy_j for each in policies]
    return Chart(
        name=f"joules-{result.objective}",
        title=f"Where the joules are drawn, objective {result.objective}",
        caption=f"Figures: {result.labels['energy']}, unweighted. They contain: {result.labels['energy_scope']}.",
        panels=(
            Panel(
                x=Axis(label="mJ per request"),
                y=Axis(
                    label="",
                    ticks=tuple((float(place), each.policy) for place, each in enumerate(policies)),
                    downwards=True,
                ),
                layers=(
                    _bars("edge", palette.EDGE, edge, [0.0] * len(edge)),
                    _bars("radio", palette.LINK, radio, edge),
                    _bars("server", palette.SERVER, server, behind_radio),
                ),
                sideways=True,
                height=30 * len(policies) + 40,
            ),
        ),
    )


def sweep_chart(objective: str, rows: Sequence[SweepRow]) -> Chart:
    """The joint plan's joules over the uplink, beside those of the two unsplit plans with their best clocks."""
    mine = sorted((row for row in rows if row.objective == objective), key=lambda row: row.bandwidth_bps)
    uplinks = tuple(row.bandwidth_bps / 1e6 for row in mine)
    lines = (
        ("all on the edge", palette.EDGE, [row.all_edge_j for row in mine]),
        ("all on the server", palette.SERVER, [row.all_server_j for row in mine]),
        (_JOINT, palette.CHOSEN, [row.energy_j for row in mine]),
    )
    return Chart(
        name=f"bandwidths-{objective}",
        title=f"The joint plan at other bandwidths, objective {objective}",
        caption="Figures: estimated; planned, not run. A line ends where nothing keeps the deadline.",
        panels=(
            Panel(
                x=Axis(label="uplink, Mbit/s", log=True),
                y=Axis(label="mJ per request, weighted"),
                layers=tuple(
                    Line(
                        name=name,
                        x=uplinks,
                        y=tuple(None if energy_j is None else 1e3 * energy_j for energy_j in values),
                        colour=colour,
                        dashed=name != _JOINT,
                        dots=True,
                    )
                    for name, colour, values in lines
                ),
            ),
        ),
    )


def by_configuration(result: ObjectiveResult) -> list[list[PolicyResult]]:
    """Policies that came to the same configuration share a point; fastest first."""
    groups: dict[tuple[object, ...], list[PolicyResult]] = {}
    for policy in result.policies:
        groups.setdefault(policy.choice, []).append(policy)
    return sorted(groups.values(), key=lambda same: same[0].metered.latency_p50_s)


def _point(index: int, same: Sequence[PolicyResult]) -> Points:
    policy, name = same[-1], ", ".join(each.policy for each in same)
    metered, is_joint = policy.metered, any(each.policy == _JOINT for each in same)
    p50_ms, p99_ms, energy_mj = 1e3 * metered.latency_p50_s, 1e3 * metered.latency_p99_s, 1e3 * metered.energy_j
    note = f"{name}\ncut {policy.cut} ({policy.cut_name}), {policy.codec}\n{p50_ms:.4g} ms, {energy_mj:.4g} mJ"
    return Points(
        name=name,
        x=(p50_ms,),
        y=(energy_mj,),
        reach=(p99_ms,),
        colour=palette.CHOSEN if is_joint else palette.series_colour(index),
        shape=Shape.STAR if is_joint else _SHAPES[index % len(_SHAPES)],
        hollow=not policy.keeps_slo,
        notes=(note,),
    )


def _bars(name: str, colour: str, values: Sequence[float], starts: Sequence[float]) -> Bars:
    places = tuple(float(place) for place in range(len(values)))
    return Bars(
        name=name,
        places=places,
        values=tuple(values),
        starts=tuple(starts),
        colour=colour,
        notes=tuple(f"{name}: {value:.4g} mJ" for value in values),
    )
