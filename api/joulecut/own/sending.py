"""Sending requests to a running edge-agent, one after the other, and showing what each came to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from joulecut.connections.connection import Connection
from joulecut.own.samples import Samples
from joulecut.reports.document import Report
from joulecut.reports.run_report import AnsweredRequest, RunPlace, run_report
from joulecut_core.carbon import CarbonTerms
from joulecut_core.decoding import encode
from joulecut_core.devices import DeviceInfo
from joulecut_core.ledgers import RequestLedger
from joulecut_core.power_scopes import sum_kind, sum_scope
from joulecut_proto.local_messages import LocalStatus

_WORDS = ("input", "served by", "codec")
_COLUMNS = ("input", "answer", "served by", "cut", "codec", "ms", "edge mJ", "radio mJ", "server mJ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answered request. `sample` names its input; `answer` is the largest element's index of the first output."""

    sample: str
    answer: int
    ledger: RequestLedger


def send(edge: Connection, samples: Samples, count: int) -> Iterator[Answered]:
    """`count` requests, the samples in turn. Raises what `Connection.infer` does."""
    for index in range(count):
        chosen = index % len(samples.inputs)
        answer = edge.infer(*samples.inputs[chosen])
        best = int(answer.outputs[0].reshape(-1).argmax())
        yield Answered(sample=samples.names[chosen], answer=best, ledger=answer.ledger)


def answer_line(answered: Answered) -> str:
    """One JSON object. `picture` is the input's name, whatever the network takes."""
    return json.dumps(
        {"picture": answered.sample, "answer": answered.answer, "ledger": encode(answered.ledger)}, allow_nan=False
    )


def sent_report(status: LocalStatus, answers: Iterable[Answered], *, carbon: CarbonTerms | None = None) -> Report:
    """The report of what was sent, for a page and pictures."""
    place = RunPlace(network=status.network, device=status.device_info.name, power_scope=_scope(status))
    requests = [AnsweredRequest(sample=each.sample, answer=each.answer, ledger=each.ledger) for each in answers]
    return run_report(requests, place, carbon=carbon)


def answers_table(status: LocalStatus, answers: Iterable[Answered]) -> Table:
    """A row a request, under the device's name, with what its joules contain."""
    kind = sum_kind(info.figures for info in _sides(status).values())
    table = Table(
        title=escape(f"{status.network} on {status.device_info.name} ({kind.value} figures)"),
        caption=escape(f"joules contain: {_scope(status)}"),
    )
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in _WORDS else "right")
    for each in answers:
        ledger, joules = each.ledger, each.ledger.joules
        table.add_row(
            escape(each.sample),
            str(each.answer),
            ledger.served_by + (" (fallback)" if ledger.fallback else ""),
            str(ledger.cut),
            ledger.codec,
            f"{ledger.seconds.total * 1e3:.1f}",
            f"{(joules.edge_busy + joules.edge_wait + joules.encode) * 1e3:.1f}",
            f"{joules.radio * 1e3:.1f}",
            f"{(joules.server + joules.server_wait) * 1e3:.1f}",
        )
    return table


def _sides(status: LocalStatus) -> dict[str, DeviceInfo]:
    """The devices whose joules are in a request's: the server's where one is known."""
    return {"edge": status.device_info, **({"server": status.server_info} if status.server_info else {})}


def _scope(status: LocalStatus) -> str:
    return sum_scope({side: info.power_scope for side, info in _sides(status).items()})
