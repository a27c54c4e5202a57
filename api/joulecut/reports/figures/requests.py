"""Answered requests one after the other: seconds and joules of each, and who answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Chart, Panel, Points, Rule, Shape
from joulecut_core.ledgers import RequestLedger

_SERVED = {
    "split": (palette.ORANGE, Shape.DIAMOND),
    "edge": (palette.EDGE, Shape.CIRCLE),
    "server": (palette.SERVER, Shape.SQUARE),
}
_FALLBACK = "fallback to the edge"


def energy_of(ledger: RequestLedger) -> float:
    """All joules of a request, both sides together, unweighted."""
    joules = ledger.joules
    return joules.edge_busy + joules.edge_wait + joules.encode + joules.radio + joules.server + joules.server_wait


def requests_chart(ledgers: Sequence[RequestLedger], *, kind: str, deadline_s: float | None = None) -> Chart:
    """Milliseconds and millijoules of each request in the order in which they were sent.

    `kind`: how the figures were obtained.
    """
    late = () if deadline_s is None else (Rule(at=1e3 * deadline_s, label="deadline", level=True),)
    return Chart(
        name="requests",
        title="Every request",
        caption=f"Figures: {kind}. Joules of both sides together; colour and form say who answered.",
        panels=(
            Panel(
                x=Axis(label=""),
                y=Axis(label="ms"),
                layers=_points(ledgers, lambda ledger: 1e3 * ledger.seconds.total, "ms"),
                rules=late,
                height=230,
            ),
            Panel(
                x=Axis(label="request"),
                y=Axis(label="mJ"),
                layers=_points(ledgers, lambda ledger: 1e3 * energy_of(ledger), "mJ"),
                height=230,
            ),
        ),
        shared_x=True,
    )


def _points(ledgers: Sequence[RequestLedger], value: Callable[[RequestLedger], float], unit: str) -> tuple[Points, ...]:
    groups: dict[str, list[int]] = {}
    for index, ledger in enumerate(ledgers):
        groups.setdefault(_FALLBACK if ledger.fallback else ledger.served_by, []).append(index)
    made = []
    for name, places in groups.items():
        colour, shape = _SERVED.get(name, (palette.RED, Shape.TRIANGLE))
        values = tuple(value(ledgers[place]) for place in places)
        made.append(
            Points(
                name=name,
                x=tuple(place + 1.0 for place in places),
                y=values,
                colour=colour,
                shape=shape,
                notes=tuple(
                    f"request {place + 1}, cut {ledgers[place].cut}: {each:.4g} {unit}"
                    for place, each in zip(places, values, strict=True)
                ),
            )
        )
    return tuple(made)
