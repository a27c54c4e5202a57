"""`joulecut cuts`: where a network can be cut, what crosses there, and what lies between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from joulecut.commands.quiet import Quiet
from joulecut_core.decoding import encode
from joulecut_core.errors import ConfigError
from joulecut_runtime.devices.completions import bundle_completions

if TYPE_CHECKING:
    from joulecut.cuts.tables import CutFacts
    from joulecut_runtime.networks.network import Network


def cuts(
    network: Annotated[
        str,
        typer.Argument(help="A bundle's folder, or package.module:factory.", autocompletion=bundle_completions),
    ],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="dtype:AxBxC of an input tensor, for a factory.")
    ] = None,
    all_places: Annotated[
        bool, typer.Option("--all", help="Also list every place between operators, and why it is no candidate.")
    ] = False,
    svg: Annotated[Path | None, typer.Option(help="Write a picture of work before and bytes at each cut.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print cuts, blocks, codecs and places as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Show a network's cuts and blocks: what crosses in each codec, how much of the work lies before.

    A network of a factory is captured in memory; nothing is written but the picture, if asked for.
    """
    from joulecut.cuts.tables import print_cuts  # noqa: PLC0415 - torch takes seconds; --help must not
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415

    narrator = Narrator(as_json=as_json, quiet=quiet)
    with narrator.step(f"looking at {network}"):
        facts = _facts(_load(network, inputs or []))
    if svg is not None:
        _draw(svg, facts)
        narrator.note(f"wrote {svg}")
    if as_json:
        typer.echo(json.dumps(_document(facts), indent=1))
    else:
        print_cuts(facts, Console(), all_places=all_places)


def _load(network: str, inputs: list[str]) -> Network:
    from joulecut_runtime.networks.network import Network  # noqa: PLC0415

    if Path(network).is_dir():
        if inputs:
            raise ConfigError(f"--input {inputs[0]}: {network} is a bundle, which knows its inputs; leave it out")
        return Network.load(Path(network))
    if ":" not in network:
        raise ConfigError(f"{network}: no such folder; expected a bundle of joulecut pack or package.module:factory")
    from joulecut.networks.packing import capture_factory  # noqa: PLC0415

    return Network(capture_factory(network, inputs))


def _facts(network: Network) -> CutFacts:
    from joulecut.cuts.places import codec_sizes, places  # noqa: PLC0415
    from joulecut.cuts.tables import CutFacts  # noqa: PLC0415

    table = network.table
    return CutFacts(
        table=table,
        sizes=tuple(codec_sizes(table, cut.index) for cut in table.cuts),
        places=places(network.graph),
    )


def _document(facts: CutFacts) -> dict[str, object]:
    """The cut table, and beside it bytes by cut and codec, and every place."""
    document: dict[str, object] = encode(facts.table)
    return {**document, "codec_bytes": [dict(sizes) for sizes in facts.sizes], "places": encode(facts.places)}


def _draw(svg: Path, facts: CutFacts) -> None:
    from joulecut.cuts.tables import cuts_chart  # noqa: PLC0415
    from joulecut.reports.stills import Still, still  # noqa: PLC0415
    from joulecut_core.documents import cannot_write, write_bytes  # noqa: PLC0415

    content = still(cuts_chart(facts), Still.SVG)
    try:
        write_bytes(svg, content)
    except OSError as cause:
        said = f"--svg {svg}: cannot be written: {cause}; expected a file in a folder of yours"
        raise cannot_write(said, cause, ConfigError) from cause
