"""The report of requests that a running edge-agent answered: each of them, one in detail, and what they cost."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from joulecut.reports.carbon_section import carbon_section
from joulecut.reports.document import Report, Section, Table
from joulecut.reports.figures.requests import energy_of, requests_chart
from joulecut.reports.figures.waterfall import Share, joules_of, seconds_of, waterfall_chart
from joulecut_core.carbon import CarbonTerms
from joulecut_core.ledgers import RequestLedger
from joulecut_core.power_scopes import UNKNOWN, sum_kind

_LEAD = (
    "Requests sent one after the other to a running edge-agent, as their ledgers tell. Joules are of both sides "
    "together unless a column says otherwise, and not weighted."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRequest:
    """One request: the name of what was sent, the index that was answered, and its ledger."""

    sample: str
    answer: int
    ledger: RequestLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlace:
    """Who answered: the network and the edge's device; `power_scope` is what the joules contain."""

    network: str
    device: str
    power_scope: str


UNKNOWN_PLACE = RunPlace(network="a network", device="an edge", power_scope=UNKNOWN)
"""Of a saved run, which keeps ledgers alone."""


def run_report(
    answered: Sequence[AnsweredRequest], place: RunPlace = UNKNOWN_PLACE, *, carbon: CarbonTerms | None = None
) -> Report:
    """What a run of at least one request came to."""
    ledgers = [each.ledger for each in answered]
    kind = sum_kind(ledger.figures for ledger in ledgers).value
    typical = median_request(ledgers)
    sections = [
        Section(title="Altogether", blocks=(_summary(ledgers, kind, place.power_scope),)),
        Section(title="Request by request", blocks=(requests_chart(ledgers, kind=kind),)),
        request_section(typical, kind=kind),
        Section(title="All requests", blocks=(_requests(answered, kind),)),
    ]
    if carbon is not None:
        mean_j = statistics.fmean(map(energy_of, ledgers))
        sections.append(carbon_section({"the mean request": mean_j}, carbon, kind=kind, scope=place.power_scope))
    return Report(title=f"Requests to {place.network} on {place.device}", lead=_LEAD, sections=tuple(sections))


def median_request(ledgers: Sequence[RequestLedger]) -> RequestLedger:
    """The request of the (lower) median latency: a real one, that stands for the rest."""
    return sorted(ledgers, key=lambda ledger: ledger.seconds.total)[(len(ledgers) - 1) // 2]


def request_section(ledger: RequestLedger, *, kind: str, of: str = "the request of median latency") -> Section:
    """One answered request, stage by stage."""
    what = f"{of}, served by {ledger.served_by}" + (" after a fallback" if ledger.fallback else "")
    seconds, joules = seconds_of(ledger), joules_of(ledger)
    return Section(
        title="One request",
        blocks=(
            "As the edge-agent tells it: what passes between it and the application is not in its seconds.",
            waterfall_chart(seconds, joules, what=what, kind=kind, name="request"),
            _shares("Its seconds", "ms", seconds, ledger.seconds.total, kind),
            _shares("Its joules", "mJ", joules, energy_of(ledger), kind),
        ),
    )


def _shares(caption: str, unit: str, shares: Sequence[Share], total: float, kind: str) -> Table:
    rows = [(share.label, share.where, f"{1e3 * share.amount:.3f}") for share in shares]
    return Table(
        caption=f"{caption} ({kind})",
        columns=("", "where", unit),
        rows=(*rows, ("total", "", f"{1e3 * total:.3f}")),
        marked=frozenset({len(rows)}),
    )


def _summary(ledgers: Sequence[RequestLedger], kind: str, scope: str) -> Table:
    latencies_s, energies_j = [ledger.seconds.total for ledger in ledgers], [energy_of(ledger) for ledger in ledgers]
    served = Counter("edge after a fallback" if each.fallback else each.served_by for each in ledgers)
    rows = (
        ("requests", str(len(ledgers))),
        ("served by", ", ".join(f"{who} {count}" for who, count in served.items())),
        ("latency, median", f"{1e3 * statistics.median(latencies_s):.3f} ms"),
        ("latency, longest", f"{1e3 * max(latencies_s):.3f} ms"),
        ("energy, mean", f"{1e3 * statistics.fmean(energies_j):.3f} mJ"),
        ("energy, all requests", f"{sum(energies_j):.6g} J"),
        ("joules contain", scope),
    )
    return Table(caption=f"The run ({kind})", columns=("", "found"), rows=rows)


def _requests(answered: Sequence[AnsweredRequest], kind: str) -> Table:
    return Table(
        caption=f"Every request ({kind})",
        columns=("sent", "answer", "served by", "cut", "codec", "ms", "edge mJ", "radio mJ", "server mJ", "mJ"),
        rows=tuple(_row(each) for each in answered),
    )


def _row(each: AnsweredRequest) -> tuple[str, ...]:
    ledger, joules = each.ledger, each.ledger.joules
    millijoules = (
        joules.edge_busy + joules.edge_wait + joules.encode,
        joules.radio,
        joules.server + joules.server_wait,
        energy_of(ledger),
    )
    return (
        each.sample,
        str(each.answer),
        ledger.served_by + (" (fallback)" if ledger.fallback else ""),
        str(ledger.cut),
        ledger.codec,
        f"{1e3 * ledger.seconds.total:.3f}",
        *(f"{1e3 * value:.3f}" for value in millijoules),
    )
