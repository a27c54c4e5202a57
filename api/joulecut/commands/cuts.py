"""`joulecut cuts`: where a network can be cut, and what crosses there."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joulecut_core.decoding import encode
from joulecut_core.errors import ConfigError
from joulecut_core.networks import Block, CutTable

if TYPE_CHECKING:
    from joulecut_runtime.network import Network

_MOST_KINDS = 3


def cuts(
    network: Annotated[str, typer.Argument(help="A bundle's folder, or package.module:factory.")],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="dtype:AxBxC of an input tensor, for a factory.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cut table as JSON.")] = False,
) -> None:
    """Show a network's candidate cuts: what crosses, how much of the work lies before, and the blocks between them."""
    table = _load(network, inputs or []).table
    if as_json:
        typer.echo(json.dumps(encode(table), indent=1))
    else:
        Console().print(_rendered(table))


def _load(network: str, inputs: list[str]) -> Network:
    from joulecut_runtime.network import Network  # noqa: PLC0415 - torch takes seconds; --help must not

    if Path(network).is_dir():
        return Network.load(Path(network))
    if ":" not in network:
        raise ConfigError(f"{network}: no such folder; expected a bundle of joulecut pack or package.module:factory")
    from joulecut.packing import capture_factory  # noqa: PLC0415

    return Network(capture_factory(network, inputs))


def _rendered(table: CutTable) -> Table:
    total_flops = sum(block.flops for block in table.blocks)
    rendered = Table(title=f"{escape(table.network)}: {total_flops / 1e9:.2f} GFLOP, {len(table.cuts)} cuts")
    rendered.add_column("cut", justify="right")
    rendered.add_column("after")
    rendered.add_column("crosses")
    rendered.add_column("kB", justify="right")
    rendered.add_column("FLOPs before", justify="right")
    rendered.add_column("block MFLOP", justify="right")
    rendered.add_column("block MB", justify="right")
    rendered.add_column("operations since the cut before")
    done_flops = 0.0
    for cut in table.cuts:
        since = table.blocks[cut.index - 1] if cut.index else None
        done_flops += since.flops if since else 0.0
        rendered.add_row(
            str(cut.index),
            escape(cut.name),
            escape(", ".join(map(str, cut.tensors)) or "nothing"),
            f"{cut.size_bytes / 1e3:.1f}",
            f"{100 * done_flops / total_flops if total_flops else 0:.1f} %",
            f"{since.flops / 1e6:.1f}" if since else "",
            f"{since.size_bytes / 1e6:.2f}" if since else "",
            _kinds(since),
        )
    return rendered


def _kinds(block: Block | None) -> str:
    if block is None:
        return ""
    counts = Counter(operation.kind.value for operation in block.operations if operation.size_bytes)
    shown = [f"{count} {kind}" for kind, count in counts.most_common(_MOST_KINDS)]
    rest = sum(counts.values()) - sum(count for _, count in counts.most_common(_MOST_KINDS))
    return ", ".join([*shown, f"{rest} other"] if rest else shown)
