"""`joulecut pack`: capture a network and write its bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from joulecut.commands.quiet import Quiet
from joulecut_core.errors import ConfigError


def pack(
    factory: Annotated[str, typer.Argument(help="package.module:factory, a function that returns a torch module.")],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="dtype:AxBxC of an input tensor; once per input, in order.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; the network's name if left out.")] = None,
    weights: Annotated[Path | None, typer.Option(help="State dict: .safetensors, .pth or .pt.")] = None,
    name: Annotated[str | None, typer.Option(help="The network's name; the factory's if left out.")] = None,
    fold: Annotated[bool, typer.Option(help="Merge batch norms into convolutions.")] = True,
    int8: Annotated[
        Path | None,
        typer.Option(
            help="Add an INT8 variant, calibrated on this folder of pictures, or .npy or .npz file of inputs."
        ),
    ] = None,
    sign: Annotated[Path | None, typer.Option(help="Private key to sign the bundle with; PEM, P-256 or P-384.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="Certificate of that key, of an operator.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print joulecut.packed/1 as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Capture a network, fold its batch norms, and write a bundle that edge and server can load."""
    from joulecut.long_work.output_files import same_place  # noqa: PLC0415
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415
    from joulecut.networks.packing import capture_factory  # noqa: PLC0415 - torch takes seconds; --help must not
    from joulecut_core.documents import cannot_write  # noqa: PLC0415
    from joulecut_runtime.networks.bundle import BUNDLE_FILES, bundle_files, write_bundle  # noqa: PLC0415
    from joulecut_runtime.networks.bundle_signature import (  # noqa: PLC0415
        SIGNATURE_FILE,
        SigningKey,
        check_key,
        sign_bundle,
    )
    from joulecut_runtime.networks.network import Network  # noqa: PLC0415

    if certificate is not None and sign is None:
        raise ConfigError("--certificate: without --sign; give the key that it is of")
    key = None if sign is None else SigningKey(key=sign, certificate=certificate)
    if key is not None:
        # Before the bundle that is there is another: one that is not signed starts nowhere.
        check_key(key)
    narrator = Narrator(as_json=as_json, quiet=quiet)
    with narrator.step(f"capturing {factory}"):
        graph = capture_factory(factory, inputs or (), weights=weights, name=name, fold=fold)
    scales = None
    if int8 is not None:
        from joulecut.networks.calibration_samples import scales_from  # noqa: PLC0415

        with narrator.step(f"calibrating on {int8}"):
            scales = scales_from(graph, int8)
    folder = out or Path(graph.name)
    if weights is not None and any(same_place(weights, folder / file) for file in BUNDLE_FILES):
        raise ConfigError(f"--out {folder}: its {weights.name} is read as --weights; expected another folder")
    try:
        write_bundle(graph, folder, scales=scales)
    except OSError as cause:
        raise cannot_write(f"--out {folder}: cannot be written: {cause}", cause, ConfigError) from cause
    if key is not None:
        sign_bundle(folder, key)
    else:
        # One of the bundle that was here before.
        (folder / SIGNATURE_FILE).unlink(missing_ok=True)
    # What was written, as both sides will read it.
    with narrator.step("reading it back"):
        table = Network.load(folder).table
    size_bytes = sum((folder / file).stat().st_size for file in bundle_files(folder))
    if as_json:
        document = {
            "schema": "joulecut.packed/1",
            "bundle": str(folder),
            "network": table.network,
            "digest": table.digest,
            "size_bytes": size_bytes,
            "cuts": len(table.cuts),
            "signed": sign is not None,
            "int8_kernels": None if scales is None else len(scales.kernels),
        }
        typer.echo(json.dumps(document, indent=1))
        return
    typer.echo(f"{folder}: {table.network}, {size_bytes / 1e6:.1f} MB, {len(table.cuts)} cuts")
    if scales is not None:
        typer.echo(f"int8: {len(scales.kernels)} kernels in integers, calibrated on {scales.calibrated_on}")
    typer.echo(table.digest)
