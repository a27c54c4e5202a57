"""The report of a fleet: what its servers do, who is placed where, what is short, and who is left out."""

from __future__ import annotations

import math

from joulecut.commands.plan_tables import clock, milli
from joulecut.reports.carbon_section import carbon_section
from joulecut.reports.document import Block, Report, Section, Table
from joulecut.reports.figures.fleets import edges_chart, servers_chart, uplinks_chart
from joulecut.reports.fleet_facts import EdgeFacts, FleetFacts, ServerFacts, UplinkFacts
from joulecut_core.carbon import CarbonTerms
from joulecut_core.figures import FigureKind
from joulecut_core.pool_plans import ServerState

KIND = FigureKind.ESTIMATED.value
"""A plan's figures are computed from the tables of its edges' problems, however those were obtained."""

_LEAD = (
    "One plan of many edges: who is placed on which server, where each network is cut, every clock and every share of "
    "an uplink, so that all of it together draws the least. Every figure on this page is estimated: computed from the "
    "problems' tables by the formulas of the planning contract."
)
_ALONE = "on its own"


def fleet_report(facts: FleetFacts, *, name: str, carbon: CarbonTerms | None = None) -> Report:
    """Everything that is known of a fleet's plan; `name` says whose it is."""
    sections = [Section(title="The fleet", blocks=(_verdict(facts), *((_total(facts),) if facts.is_feasible else ())))]
    if facts.servers:
        sections.append(Section(title="The servers", blocks=_server_blocks(facts)))
    if facts.uplinks:
        sections.append(Section(title="The shared uplinks", blocks=_uplink_blocks(facts)))
    if facts.edges:
        sections.append(Section(title="Who is placed where", blocks=_edge_blocks(facts)))
    if facts.rejected:
        sections.append(Section(title="Who is left out", blocks=(_rejected(facts),)))
    if carbon is not None and facts.edges:
        scope = facts.edges[0].plan.power_scopes.of_sum(server=any(edge.server for edge in facts.edges))
        sections.append(carbon_section(_request_j(facts), carbon, kind=KIND, scope=scope))
    return Report(title=f"Fleet plan of {name}", lead=_LEAD, sections=tuple(sections))


def _verdict(facts: FleetFacts) -> str:
    left_out = f" {len(facts.rejected)} have no feasible plan even alone and are left out." if facts.rejected else ""
    if not facts.is_feasible:
        return f"Infeasible: the edges that are feasible alone cannot be served together.{left_out}"
    if not facts.edges:
        return f"Nobody can be served.{left_out}"
    placed = sum(edge.server is not None for edge in facts.edges)
    return (
        f"{len(facts.edges)} edges are planned: {placed} placed on a server, {len(facts.edges) - placed} on their own."
        f"{left_out} No feasible plan draws less than {_watts(facts.lower_bound_w)}; this one draws "
        f"{_watts(facts.power_w)}: the best one saves {_percent(facts.gap)} of it at most."
    )


def _total(facts: FleetFacts) -> Table:
    counted = (
        ()
        if not facts.servers
        else (
            ("of it idle and parked servers", _watts(facts.counted_idle_w)),
            *((f"servers {state.value}", str(facts.servers_that(state))) for state in ServerState),
        )
    )
    rows = (
        ("power, weighted", _watts(facts.power_w)),
        ("no plan draws less than", _watts(facts.lower_bound_w)),
        ("gap", _percent(facts.gap)),
        *counted,
        ("edges planned", str(len(facts.edges))),
        ("edges rejected", str(len(facts.rejected))),
    )
    return Table(caption=f"In all ({KIND})", columns=("", "planned"), rows=rows)


def _server_blocks(facts: FleetFacts) -> tuple[Block, ...]:
    priced = any(server.time_price_w is not None for server in facts.servers)
    table = _filled(
        caption=(
            f"Servers ({KIND}); W in all, unweighted, and of them what the fleet's power counts as idle or parked"
            + ("; the price hints at what 1 % more of its time would save" if priced else "")
        ),
        columns=("server", "kind", "state", "MHz", "edges", "busy %", "at most %", "W", "counted idle W", "W per 1 %"),
        rows=tuple(_server_row(server) for server in facts.servers),
        marked=frozenset(
            index for index, server in enumerate(facts.servers) if server.plan.state is ServerState.SERVING
        ),
    )
    return (servers_chart(facts.servers, kind=KIND), table)


def _server_row(server: ServerFacts) -> tuple[str, ...]:
    plan = server.plan
    return (
        plan.name,
        server.kind or "",
        plan.state.value,
        "" if plan.server_clock is None else clock(plan.server_clock).removesuffix(" MHz"),
        str(plan.edges),
        f"{100.0 * plan.server_utilisation:.1f}",
        "" if server.most_utilisation is None else f"{100.0 * server.most_utilisation:.1f}",
        f"{plan.power_w:.2f}",
        f"{plan.counted_idle_w:.2f}",
        _price(server.time_price_w, 0.01),
    )


def _uplink_blocks(facts: FleetFacts) -> tuple[Block, ...]:
    table = _filled(
        caption=f"Shared uplinks ({KIND}); the price hints at what one more Mbit/s would save",
        columns=("uplink", "edges that send", "Mbit/s taken", "Mbit/s in all", "full %", "W per Mbit/s"),
        rows=tuple(_uplink_row(uplink) for uplink in facts.uplinks),
    )
    return (uplinks_chart(facts.uplinks, kind=KIND), table)


def _uplink_row(uplink: UplinkFacts) -> tuple[str, ...]:
    taken_bps = math.fsum(edge.uplink_bps for edge in uplink.edges)
    return (
        uplink.name,
        str(len(uplink.edges)),
        f"{taken_bps / 1e6:.4g}",
        f"{uplink.carries_bps / 1e6:.4g}",
        f"{100.0 * taken_bps / uplink.carries_bps:.1f}",
        _price(uplink.price_w_bps, 1e6),
    )


def _edge_blocks(facts: FleetFacts) -> tuple[Block, ...]:
    table = _filled(
        caption=f"Edges by their server ({KIND}); ms are the bound that the deadline is held against, mJ are weighted",
        columns=("edge", "server", "cut", "codec", "edge MHz", "uplink Mbit/s", "ms", "deadline ms", "mJ", "1/s"),
        rows=tuple(_edge_row(edge) for edge in sorted(facts.edges, key=_by_server)),
    )
    rates_known = all(edge.rate_hz is not None for edge in facts.edges)
    return (edges_chart(facts.edges, kind=KIND), table) if rates_known else (table,)


def _by_server(edge: EdgeFacts) -> tuple[bool, str]:
    return edge.server is None, edge.server or ""


def _edge_row(edge: EdgeFacts) -> tuple[str, ...]:
    plan = edge.plan
    return (
        edge.name,
        edge.server or _ALONE,
        f"{plan.cut} {plan.cut_name}",
        plan.codec or "",
        clock(plan.edge_clock).removesuffix(" MHz"),
        f"{edge.uplink_bps / 1e6:.4g}" if edge.uplink_bps else "",
        milli(plan.latency_bound_s),
        milli(edge.deadline_s),
        milli(plan.energy_j),
        "" if edge.rate_hz is None else f"{edge.rate_hz:g}",
    )


def _filled(
    *, caption: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], marked: frozenset[int] = frozenset()
) -> Table:
    """A table without the columns of which nothing is known."""
    kept = [place for place, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    return Table(
        caption=caption,
        columns=tuple(columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in rows),
        marked=marked,
    )


def _rejected(facts: FleetFacts) -> Table:
    return Table(
        caption="Edges without a feasible plan even alone",
        columns=("edge", "why"),
        rows=tuple((one.name, one.reason) for one in facts.rejected),
        words=True,
    )


def _request_j(facts: FleetFacts) -> dict[str, float]:
    """Joules of the mean request: by the edges' rates and with counted idle draw, where rates are known."""
    rates_hz = [edge.rate_hz for edge in facts.edges if edge.rate_hz is not None]
    energies_j = [math.fsum(edge.parts_j) for edge in facts.edges]
    if len(rates_hz) < len(facts.edges):
        return {"the mean over edges of a request": math.fsum(energies_j) / len(energies_j)}
    drawn_w = math.fsum(rate_hz * energy_j for rate_hz, energy_j in zip(rates_hz, energies_j, strict=True))
    return {
        "the mean request": drawn_w / math.fsum(rates_hz),
        "the mean request with its part of counted idle draw": (drawn_w + facts.counted_idle_w) / math.fsum(rates_hz),
    }


def _watts(power_w: float | None) -> str:
    return "" if power_w is None else f"{power_w:.3f} W"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100.0 * share:.4f} %"


def _price(price: float | None, of: float) -> str:
    return "" if price is None else f"{price * of:.4g}"
