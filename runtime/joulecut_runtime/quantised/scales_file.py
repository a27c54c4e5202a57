"""Scales as two files beside a network's: JSON for names and activations, safetensors for the weights' scales.

    scales.json           which nodes compute in integers, the scale of each value, what they were calibrated on
    scales.safetensors    per convolution or linear layer a scale for each output channel

Like all of a bundle they may come from a stranger: nothing is executed, sizes are checked first, and whatever they
name must be what this network would be quantised to.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from joulecut_core.decoding import decode, encode, show
from joulecut_core.documents import parse_json, write_bytes
from joulecut_core.errors import BundleError
from joulecut_runtime.networks.graph import Graph, node_values
from joulecut_runtime.quantised.integer_nodes import integer_nodes, weight_of
from joulecut_runtime.quantised.scales import Scale, Scales

SCALES_SCHEMA = "joulecut.scales/1"
SCALES_FILE = "scales.json"
WEIGHT_SCALES_FILE = "scales.safetensors"

_MOST_BYTES = 1 << 26


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    schema: str
    network_digest: str
    calibrated_on: str
    values: Mapping[str, Scale]
    integer: Mapping[str, str]
    kernels: tuple[str, ...]


def write_scales(scales: Scales, folder: Path) -> None:
    """Write both files into `folder`; equal scales give equal bytes."""
    write_bytes(folder / WEIGHT_SCALES_FILE, save(dict(sorted(scales.weights.items()))))
    write_bytes(folder / SCALES_FILE, _encoded(scales))


def read_scales(folder: Path, graph: Graph, digest: str) -> Scales:
    """The scales in a folder, for the network `graph` of that digest.

    Raises BundleError with the first thing that is wrong.
    """
    parsed = parse_json(_read(folder / SCALES_FILE).decode(errors="replace"), BundleError, SCALES_FILE)
    document = decode(_Document, parsed, error=BundleError)
    if document.schema != SCALES_SCHEMA:
        raise BundleError(f"{SCALES_FILE}: schema {show(document.schema)}; expected {SCALES_SCHEMA!r}: calibrate again")
    try:
        weights: dict[str, Tensor] = load(_read(folder / WEIGHT_SCALES_FILE))
    # KeyError: an element type that the format knows and this torch does not.
    except (SafetensorError, ValueError, KeyError) as cause:
        raise BundleError(f"{WEIGHT_SCALES_FILE} is damaged: {cause}; fetch or pack it again") from cause
    scales = Scales(
        network_digest=document.network_digest,
        calibrated_on=document.calibrated_on,
        values=document.values,
        integer=document.integer,
        kernels=document.kernels,
        # Copies of their own: tensors inside a file lie at odd addresses.
        weights={name: tensor.clone() for name, tensor in weights.items()},
    )
    check_fits(scales, graph, digest)
    return scales


def check_fits(scales: Scales, graph: Graph, digest: str) -> None:
    """Raise BundleError where the scales are not of this network, or name what could not compute in integers.

    `digest`: the graph's.
    """
    if scales.network_digest != digest:
        raise BundleError(f"scales of network {scales.network_digest}; expected {digest}: calibrate this network")
    chosen = integer_nodes(graph)
    strange = sorted(set(scales.integer.items()) - set(chosen.integer.items()))
    if strange:
        raise BundleError(f"scales: {show(strange[0])} cannot compute in integers here; calibrate again")
    if scales.kernels != tuple(name for name in chosen.kernels if name in scales.integer):
        raise BundleError("scales: kernels are not the convolutions and linear layers of integer; calibrate again")
    for node in graph.nodes:
        if node.name in scales.weights:
            channels = graph.constants[weight_of(node)].shape[0]
            found = len(scales.weights[node.name])
            if found != channels:
                raise BundleError(
                    f"scales: {node.name} has {found} weight scales; expected {channels}, one per output channel: "
                    "calibrate again"
                )
        missing = set(node_values(node)) - set(scales.values) if node.name in scales.integer else ()
        if missing:
            raise BundleError(f"scales: {node.name} reads {show(min(missing))}, which has no scale; calibrate again")


def scales_digest(scales: Scales) -> str:
    """The SHA-256 ("sha256:" + hex) of the JSON and then every weight scale's bytes, by name."""
    content = _encoded(scales)
    digest = hashlib.sha256(len(content).to_bytes(8, "little") + content)
    for name in sorted(scales.weights):
        weight = scales.weights[name]
        digest.update(len(weight).to_bytes(8, "little") + weight.contiguous().numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


def _encoded(scales: Scales) -> bytes:
    document = _Document(
        schema=SCALES_SCHEMA,
        network_digest=scales.network_digest,
        calibrated_on=scales.calibrated_on,
        values=scales.values,
        integer=scales.integer,
        kernels=scales.kernels,
    )
    return json.dumps(encode(document), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _read(path: Path) -> bytes:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise BundleError(
                f"{path.name} is not a regular file of at most {_MOST_BYTES} bytes; pack the network again"
            )
        return path.read_bytes()
    except OSError as cause:
        raise BundleError(f"{path.name} is missing or out of reach; expected it, as the manifest names it") from cause
