"""One request from left to right: where its seconds went, and where its joules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Bars, Chart, Panel
from joulecut_core.ledgers import RequestLedger
from joulecut_core.plans import Breakdown

_WHERE = {"edge": palette.EDGE, "link": palette.LINK, "server": palette.SERVER, "unattributed": palette.GREY}
_UNSEEN_S = 1e-6
"""Seconds below this that no stage accounts for are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of a whole: what it is called, where it was spent ("edge", "link", "server"), and how much."""

    label: str
    where: str
    amount: float


def seconds_of(ledger: RequestLedger) -> tuple[Share, ...]:
    """The stages of an answered request, in seconds; what no stage accounts for comes last, where there is any."""
    seconds = ledger.seconds
    stages = (
        _share("waiting at the edge", "edge", seconds.edge_queue),
        _share("edge part", "edge", seconds.head),
        _share("encode", "edge", seconds.encode),
        _share("uplink", "link", seconds.up),
        _share("server's queue", "server", seconds.server_queue),
        _share("decode", "server", seconds.decode),
        _share("server part", "server", seconds.tail),
        _share("downlink", "link", seconds.down),
    )
    left_s = seconds.total - sum(stage.amount for stage in stages)
    return (*stages, *([_share("between the stages", "unattributed", left_s)] if left_s > _UNSEEN_S else []))


def joules_of(ledger: RequestLedger) -> tuple[Share, ...]:
    """The shares of an answered request, in joules."""
    joules = ledger.joules
    return (
        _share("edge computing", "edge", joules.edge_busy),
        _share("edge waiting", "edge", joules.edge_wait),
        _share("encode", "edge", joules.encode),
        _share("radio", "link", joules.radio),
        _share("server computing", "server", joules.server),
        _share("server waiting", "server", joules.server_wait),
    )


def planned_seconds(breakdown: Breakdown) -> tuple[Share, ...]:
    """The stages of a plan, in seconds."""
    return (
        _share("edge part", "edge", breakdown.t_edge),
        _share("encode", "edge", breakdown.encode_s),
        _share("uplink", "link", breakdown.t_up),
        _share("round trip", "link", breakdown.rtt_s),
        _share("decode", "server", breakdown.decode_s),
        _share("server part", "server", breakdown.t_server),
        _share("downlink", "link", breakdown.t_down),
    )


def planned_joules(breakdown: Breakdown) -> tuple[Share, ...]:
    """The shares of a plan, in joules, unweighted."""
    return (
        _share("edge computing", "edge", breakdown.edge_busy_j),
        _share("edge waiting", "edge", breakdown.edge_wait_j),
        _share("encode", "edge", breakdown.encode_j),
        _share("radio", "link", breakdown.radio_j),
        _share("server computing", "server", breakdown.server_busy_j),
        _share("decode", "server", breakdown.decode_j),
        _share("server idling", "server", breakdown.server_idle_j),
    )


def waterfall_chart(
    seconds: Sequence[Share], joules: Sequence[Share], *, what: str, kind: str, name: str = "waterfall"
) -> Chart:
    """Two stairs, of milliseconds and millijoules: each bar begins where the one before ends.

    `what`: whose seconds and joules these are; `kind`: how the figures were obtained.
    """
    return Chart(
        name=name,
        title=f"Where the time and the joules go: {what}",
        caption=f"Figures: {kind}. Each bar begins where the one before it ends; the last one ends at the sum.",
        panels=(_stairs(seconds, "ms"), _stairs(joules, "mJ")),
    )


def _share(label: str, where: str, amount: float) -> Share:
    return Share(label=label, where=where, amount=amount)


def _stairs(shares: Sequence[Share], unit: str) -> Panel:
    starts = [0.0, *accumulate(1e3 * share.amount for share in shares)]
    bars = (_bars(where, colour, shares, starts, unit) for where, colour in _WHERE.items())
    names = tuple((float(place), share.label) for place, share in enumerate(shares))
    return Panel(
        x=Axis(label=unit),
        y=Axis(label="", ticks=names, downwards=True),
        layers=tuple(each for each in bars if each.places),
        sideways=True,
        height=28 * len(shares) + 40,
    )


def _bars(where: str, colour: str, shares: Sequence[Share], starts: Sequence[float], unit: str) -> Bars:
    mine = [place for place, share in enumerate(shares) if share.where == where]
    return Bars(
        name=where,
        places=tuple(float(place) for place in mine),
        values=tuple(1e3 * shares[place].amount for place in mine),
        starts=tuple(starts[place] for place in mine),
        colour=colour,
        notes=tuple(f"{shares[place].label}: {1e3 * shares[place].amount:.4g} {unit}" for place in mine),
    )
