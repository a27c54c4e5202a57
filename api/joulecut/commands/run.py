"""`joulecut run`: send pictures to a running edge-agent and show what it answers and spends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joulecut_core.decoding import encode
from joulecut_core.errors import ConfigError
from joulecut_core.power_scopes import sum_kind, sum_scope

_PICTURE_RANK = 4


def run(
    address: Annotated[str, typer.Argument(help="Where the edge-agent listens: unix:/path or host:port.")],
    pictures: Annotated[
        Path | None, typer.Option(help="Folder of JPEG or PNG files; the sample pictures if left out.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many requests to send.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per request.")] = False,
) -> None:
    """Send pictures to an edge-agent, one after the other."""
    from joulecut.connection import connect  # noqa: PLC0415 - grpc and torch take seconds; --help must not
    from joulecut.pictures import folder_pictures, sample_pictures  # noqa: PLC0415

    with connect(address) as edge:
        status = edge.status()
        shape = status.inputs[0].shape
        if len(shape) != _PICTURE_RANK or status.inputs[0].dtype != "uint8":
            raise ConfigError(
                f"{status.network} takes {status.inputs[0]}, which is no uint8 picture; use joulecut.connect()"
            )
        found = sample_pictures(shape[-1]) if pictures is None else folder_pictures(pictures, shape[-1])
        infos = {"edge": status.device_info, **({"server": status.server_info} if status.server_info else {})}
        kind = sum_kind(info.figures for info in infos.values())
        scope = sum_scope({side: info.power_scope for side, info in infos.items()})
        table = Table(
            title=f"{status.network} on {status.device_info.name} ({kind.value} figures)",
            caption=escape(f"joules contain: {scope}"),
        )
        for column in ("picture", "answer", "served by", "cut", "codec", "ms", "edge mJ", "radio mJ", "server mJ"):
            table.add_column(column, justify="left" if column in ("picture", "served by", "codec") else "right")
        for index in range(count):
            picture = found[index % len(found)]
            answer = edge.infer(picture.pixels.numpy())
            best = int(answer.outputs[0].reshape(-1).argmax())
            ledger = answer.ledger
            if as_json:
                typer.echo(json.dumps({"picture": picture.name, "answer": best, "ledger": encode(ledger)}))
                continue
            joules = ledger.joules
            table.add_row(
                picture.name,
                str(best),
                ledger.served_by + (" (fallback)" if ledger.fallback else ""),
                str(ledger.cut),
                ledger.codec,
                f"{ledger.seconds.total * 1e3:.1f}",
                f"{(joules.edge_busy + joules.edge_wait + joules.encode) * 1e3:.1f}",
                f"{joules.radio * 1e3:.1f}",
                f"{joules.server * 1e3:.1f}",
            )
        if not as_json:
            Console().print(table)
