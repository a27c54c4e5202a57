"""Energy against latency: the exact front, every other way to choose as a point, and the deadline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Chart, Layer, Line, Panel, Points, Rule, Shape
from joulecut_core.plans import OPTIMAL, Plan

_SHAPES = (Shape.CIRCLE, Shape.SQUARE, Shape.DIAMOND, Shape.TRIANGLE)


def front_chart(front: Sequence[Plan], policies: Mapping[str, Plan], *, deadline_s: float | None, kind: str) -> Chart:
    """The front as a staircase, and one point for each choice that policies came to; hollow: it breaks a constraint.

    `policies`: plans by the policy's name, "joint" among them stands out. `kind`: how the figures were obtained.
    """
    layers: list[Layer] = []
    steps = [(plan.latency_bound_s, plan.energy_j) for plan in front]
    if steps:
        layers.append(
            Line(
                name="front: no choice beats it in both",
                x=tuple(1e3 * (bound_s or 0.0) for bound_s, _ in steps),
                y=tuple(1e3 * (energy_j or 0.0) for _, energy_j in steps),
                colour=palette.GREY,
                step=True,
                dots=True,
            )
        )
    layers += [_point(index, names, plan) for index, (names, plan) in enumerate(same_choices(policies))]
    return Chart(
        name="front",
        title="Energy against latency",
        caption=(
            f"Figures: {kind}. Left and down is better. Policies that came to one choice share a point; a hollow point "
            "breaks the deadline, the rate or the accuracy budget."
        ),
        panels=(
            Panel(
                x=Axis(label="latency with its margin, ms"),
                y=Axis(label="energy of one request, weighted, mJ", from_zero=False),
                layers=tuple(layers),
                rules=() if deadline_s is None else (Rule(at=1e3 * deadline_s, label="deadline"),),
                height=400,
            ),
        ),
    )


def same_choices(policies: Mapping[str, Plan]) -> list[tuple[tuple[str, ...], Plan]]:
    """Names of policies that came to the same choice, and that choice; those without one are left out."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, plan in policies.items():
        if plan.cut is not None:
            groups.setdefault(_choice(plan), []).append(name)
    return [(tuple(names), policies[names[0]]) for names in groups.values()]


def _choice(plan: Plan) -> tuple[object, ...]:
    return (plan.cut, plan.codec, plan.variant, plan.edge_clock, plan.server_clock, plan.energy_j, plan.latency_bound_s)


def _point(index: int, names: tuple[str, ...], plan: Plan) -> Points:
    is_joint, name = "joint" in names, ", ".join(names)
    bound_ms, energy_mj = 1e3 * (plan.latency_bound_s or 0.0), 1e3 * (plan.energy_j or 0.0)
    kept = plan.status == OPTIMAL
    note = f"{name}\ncut {plan.cut} ({plan.cut_name}), {plan.codec}\n{bound_ms:.4g} ms, {energy_mj:.4g} mJ" + (
        "" if kept else f"\nbreaks: {', '.join(plan.binding)}"
    )
    return Points(
        name=name,
        x=(bound_ms,),
        y=(energy_mj,),
        colour=palette.CHOSEN if is_joint else palette.series_colour(index),
        shape=Shape.STAR if is_joint else _SHAPES[index % len(_SHAPES)],
        hollow=not kept,
        notes=(note,),
    )
