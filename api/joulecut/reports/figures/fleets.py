"""A fleet in pictures: who takes which part of a server's time and of an uplink, and where each edge's watts go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Bars, Chart, Layer, Panel, Points, Shape
from joulecut.reports.fleet_facts import EdgeFacts, ServerFacts, UplinkFacts, working_w
from joulecut.reports.short_names import short_names

_MOST_NAMES = 40
"""More names than this beside an axis nobody can read: numbers stand there instead."""

_MOST_EDGES = 400
"""More edges than this are not drawn one by one."""

_NAME_SIGNS = 24
_IN_TURN = (palette.BLUE, palette.SKY)
"""Of neighbours in one bar: an edge ends where the colour changes."""


def servers_chart(servers: Sequence[ServerFacts], *, kind: str) -> Chart:
    """The part of each server's time that its edges take, and its watts. `kind`: how the figures were obtained.

    Without the edges' rates and the servers' bounds, as of a saved answer, each bar is whole.
    """
    names = [server.plan.name for server in servers]
    is_whole = any(server.most_utilisation is None for server in servers)
    taken = [
        [("its edges", 100.0 * server.plan.server_utilisation)]
        if is_whole
        else [(edge.name, 100.0 * (edge.server_time or 0.0)) for edge in server.edges]
        for server in servers
    ]
    bounds = tuple(100.0 * (server.most_utilisation or 0.0) for server in servers)
    marks = () if is_whole else (_marks(names, bounds, "may be taken", "%"),)
    each = "what edges take" if is_whole else "each edge's part"
    most = "" if is_whole else ", and the most that may be taken"
    return Chart(
        name="servers",
        title="What each server does",
        caption=(
            f"Figures: {kind}. Above: {each} of a server's time{most}. Below: watts, unweighted; what idles is drawn "
            "also where the fleet does not count it."
        ),
        panels=(
            _panel(names, "% of its time", (*_stacked(taken, "%"), *marks)),
            _panel(names, "W", _watts(servers, names, is_whole=is_whole)),
        ),
    )


def uplinks_chart(uplinks: Sequence[UplinkFacts], *, kind: str) -> Chart:
    """The part of each shared uplink that its edges take. `kind`: how the figures were obtained."""
    names = [uplink.name for uplink in uplinks]
    taken = [[(edge.name, edge.uplink_bps / 1e6) for edge in uplink.edges] for uplink in uplinks]
    carried = tuple(uplink.carries_bps / 1e6 for uplink in uplinks)
    return Chart(
        name="uplinks",
        title="Who sends how fast",
        caption=f"Figures: {kind}. Each edge's share of a shared uplink, and what the uplink carries in all.",
        panels=(
            _panel(names, "Mbit/s", (*_stacked(taken, "Mbit/s"), _marks(names, carried, "carried in all", "Mbit/s"))),
        ),
    )


def edges_chart(edges: Sequence[EdgeFacts], *, kind: str) -> Chart:
    """Each edge's watts by where they are drawn, of those that draw the most. `kind`: how the figures were obtained."""
    drawn = sorted(edges, key=_edge_w, reverse=True)[:_MOST_EDGES]
    names = [edge.name for edge in drawn]
    parts_w = [tuple((edge.rate_hz or 0.0) * joules for joules in edge.parts_j) for edge in drawn]
    places, starts = _places(names), [0.0] * len(drawn)
    layers = []
    for part, (where, colour) in enumerate(
        (("edge", palette.EDGE), ("radio", palette.LINK), ("server", palette.SERVER))
    ):
        values = [each[part] for each in parts_w]
        layers.append(
            Bars(
                name=where,
                places=places,
                values=tuple(values),
                starts=tuple(starts),
                colour=colour,
                notes=tuple(f"{name}, {where}: {value:.4g} W" for name, value in zip(names, values, strict=True)),
            )
        )
        starts = [start + value for start, value in zip(starts, values, strict=True)]
    left = "" if len(drawn) == len(edges) else f" Only the {len(drawn)} of {len(edges)} that draw the most."
    return Chart(
        name="edges",
        title="Where each edge's watts go",
        caption=f"Figures: {kind}; joules of a request times requests a second, unweighted.{left}",
        panels=(_panel(names, "W", tuple(layers)),),
    )


def _watts(servers: Sequence[ServerFacts], names: Sequence[str], *, is_whole: bool) -> tuple[Layer, ...]:
    places, all_w = _places(names), [server.plan.power_w for server in servers]
    if is_whole:
        return (
            Bars(name="in all", places=places, values=tuple(all_w), colour=palette.SERVER, notes=_said(names, all_w)),
        )
    works_w = [min(working_w(server.edges), server.plan.power_w) for server in servers]
    rests_w = [drawn_w - work_w for drawn_w, work_w in zip(all_w, works_w, strict=True)]
    return (
        Bars(name="requests", places=places, values=tuple(works_w), colour=palette.SERVER, notes=_said(names, works_w)),
        Bars(
            name="idle or parked",
            places=places,
            values=tuple(rests_w),
            starts=tuple(works_w),
            colour=palette.GREY,
            notes=_said(names, rests_w),
        ),
    )


def _edge_w(edge: EdgeFacts) -> float:
    return (edge.rate_hz or 0.0) * sum(edge.parts_j)


def _stacked(rows: Sequence[Sequence[tuple[str, float]]], unit: str) -> tuple[Layer, ...]:
    """Named parts of each row behind each other; one bar a row where they are too many to tell apart.

    A row without parts has a bar of no length, so that every picture has room for all rows.
    """
    if sum(map(len, rows)) > _MOST_EDGES:
        rows = [[(f"{len(row)} edges", sum(value for _, value in row))] for row in rows]
    placed = [
        (float(place), start, name, value, number % len(_IN_TURN))
        for place, row in enumerate(each or [("nobody", 0.0)] for each in rows)
        for number, ((name, value), start) in enumerate(
            zip(row, accumulate((value for _, value in row), initial=0.0), strict=False)
        )
    ]
    return tuple(
        Bars(
            name="edges" if turn == 0 else "",
            places=tuple(place for place, *_ in mine),
            values=tuple(value for *_, value, _ in mine),
            starts=tuple(start for _, start, *_ in mine),
            colour=colour,
            notes=tuple(f"{name}: {value:.4g} {unit}" for _, _, name, value, _ in mine),
        )
        for turn, colour in enumerate(_IN_TURN)
        if (mine := [each for each in placed if each[-1] == turn])
    )


def _marks(names: Sequence[str], bounds: tuple[float, ...], what: str, unit: str) -> Points:
    places = _places(names)
    x, y = (bounds, places) if _is_sideways(names) else (places, bounds)
    notes = tuple(f"{name}: {bound:.4g} {unit} {what}" for name, bound in zip(names, bounds, strict=True))
    return Points(name=what, x=x, y=y, colour=palette.RED, shape=Shape.DIAMOND, hollow=True, notes=notes)


def _said(names: Sequence[str], values_w: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{name}: {value_w:.4g} W" for name, value_w in zip(names, values_w, strict=True))


def _places(names: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(place) for place in range(len(names)))


def _is_sideways(names: Sequence[str]) -> bool:
    """Whether bars lie, each beside its name."""
    return len(names) <= _MOST_NAMES


def _panel(names: Sequence[str], unit: str, layers: tuple[Layer, ...]) -> Panel:
    if not _is_sideways(names):
        order = Axis(label="number, from 0", from_zero=False)
        return Panel(x=order, y=Axis(label=unit), layers=layers, height=220)
    ticks = tuple(zip(_places(names), short_names(names, _NAME_SIGNS), strict=True))
    return Panel(
        x=Axis(label=unit),
        y=Axis(label="", ticks=ticks, downwards=True),
        layers=layers,
        sideways=True,
        height=24 * len(names) + 60,
    )
