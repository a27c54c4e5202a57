"""A network on disk: three files that any machine with plain torch can check and run.

    manifest.json         schema, name, digest, inputs and outputs
    graph.json            operator calls and declared shapes (joulecut_runtime.networks.graph_json)
    weights.safetensors   the constants
    scales.*              of the INT8 variant, where there is one (joulecut_runtime.quantised.scales_file)

A bundle may come from a stranger. Nothing in it is executed: operators are looked up in a whitelist,
arguments are checked against the operators' schemas, shapes are propagated without memory and
compared with what the bundle declares and with `Limits`, and all of it must match the digest.

The digest of a bundle without variants is that of its graph and weights; variants join it. It does not cover the
manifest's `name` and `torch`, which are labels: they decide nothing, and only a signature vouches for them.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from joulecut_core.decoding import decode, encode, show
from joulecut_core.documents import parse_json, write_bytes, write_json
from joulecut_core.errors import BundleError, JoulecutError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.networks.digest import bundle_digest, graph_digest
from joulecut_runtime.networks.graph import Graph, tensor_spec
from joulecut_runtime.networks.graph_json import GraphRecord, decode_nodes, decode_record, encode_graph
from joulecut_runtime.networks.shapes import Limits, Tour, walk
from joulecut_runtime.quantised.scales import Scales
from joulecut_runtime.quantised.scales_file import (
    SCALES_FILE,
    WEIGHT_SCALES_FILE,
    check_fits,
    read_scales,
    scales_digest,
    write_scales,
)

BUNDLE_SCHEMA = "joulecut.bundle/1"
MANIFEST_FILE = "manifest.json"
GRAPH_FILE = "graph.json"
WEIGHTS_FILE = "weights.safetensors"
BUNDLE_FILES = (MANIFEST_FILE, GRAPH_FILE, WEIGHTS_FILE)
"""What every bundle has; `bundle_files` says what a bundle has."""
INT8_VARIANT = "int8"
_VARIANT_FILES = {INT8_VARIANT: (SCALES_FILE, WEIGHT_SCALES_FILE)}
POSSIBLE_FILES = frozenset((*BUNDLE_FILES, *(file for files in _VARIANT_FILES.values() for file in files)))
"""Every name that a file of a bundle may have."""

_MAX_MANIFEST_BYTES = 1 << 20
_MAX_HEADER_BYTES_PER_TENSOR = 4096
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A bundle's cover sheet. `torch` tells what it was captured with; it is not part of the digest.

    `variants`: those that come with files of their own. BF16 and FP16 need none: any bundle runs in them.
    """

    name: str
    digest: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    torch: str = ""
    variants: tuple[str, ...] = ()
    schema: str = BUNDLE_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != BUNDLE_SCHEMA:
            raise BundleError(f"schema: {show(self.schema)}; expected {BUNDLE_SCHEMA!r}: pack the network again")
        if not 0 < len(self.name) <= _LONGEST_NAME or not self.name.isprintable():
            raise BundleError(f"name: {show(self.name)}; expected 1 to {_LONGEST_NAME} printable characters")
        if len(set(self.variants)) != len(self.variants) or not set(self.variants) <= set(_VARIANT_FILES):
            raise BundleError(
                f"variants: {show(list(self.variants))}; expected some of {', '.join(_VARIANT_FILES)}, each once: "
                "pack the network with this version again"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBundle:
    """A checked bundle: its graph, its digest, how its values lie in memory, and the scales of its INT8 variant."""

    graph: Graph
    digest: str
    tour: Tour
    scales: Scales | None = None


def write_bundle(graph: Graph, folder: Path, *, scales: Scales | None = None) -> str:
    """Write the graph's bundle into `folder`, made if missing, and return its digest.

    `scales`: of its INT8 variant. Raises BundleError where they are of another network.
    """
    network = graph_digest(graph)
    if scales is not None:
        check_fits(scales, graph, network)
    digest = bundle_digest(network, _variant_digests(scales))
    specs = graph.value_specs()
    manifest = Manifest(
        name=graph.name,
        digest=digest,
        inputs=graph.inputs,
        outputs=tuple(specs[name] for name in graph.outputs),
        torch=torch.__version__,
        variants=() if scales is None else (INT8_VARIANT,),
    )
    if scales is not None:
        write_scales(scales, folder)
    write_bytes(folder / WEIGHTS_FILE, save(dict(graph.constants)))
    write_bytes(folder / GRAPH_FILE, encode_graph(graph))
    write_json(folder / MANIFEST_FILE, _document(manifest))
    for variant in set(_VARIANT_FILES) - set(manifest.variants):
        for file in _VARIANT_FILES[variant]:
            (folder / file).unlink(missing_ok=True)
    return digest


def bundle_files(folder: Path) -> tuple[str, ...]:
    """The names of a bundle's files, by its manifest. Raises BundleError where that is damaged."""
    variants = read_manifest(folder).variants
    return (*BUNDLE_FILES, *(file for variant in variants for file in _VARIANT_FILES[variant]))


def read_bundle(folder: Path, *, limits: Limits | None = None) -> Graph:
    """The graph of a bundle, checked as the module says. Raises BundleError with the first thing that is wrong."""
    return open_bundle(folder, limits=limits).graph


def open_bundle(folder: Path, *, limits: Limits | None = None, manifest_sha256: str | None = None) -> OpenedBundle:
    """As `read_bundle`, with what checking found out.

    `manifest_sha256`: as `check_signature` gives it. What is read is then what was signed; JoulecutError where the
    folder holds something else by now, which may be on its way to the next bundle.
    """
    try:
        return _open(folder, limits or Limits(), manifest_sha256)
    except BundleError as cause:
        raise BundleError(f"{folder}: {cause}") from cause


def read_manifest(folder: Path) -> Manifest:
    """The cover sheet alone: what the bundle says it is, nothing of it checked. Raises BundleError."""
    return _decoded_manifest(_read_text(folder / MANIFEST_FILE, _MAX_MANIFEST_BYTES))


def _decoded_manifest(text: str) -> Manifest:
    return decode(Manifest, parse_json(text, BundleError, MANIFEST_FILE), error=BundleError)


def _open(folder: Path, limits: Limits, manifest_sha256: str | None) -> OpenedBundle:
    cover = _read_text(folder / MANIFEST_FILE, _MAX_MANIFEST_BYTES)
    # Its digest vouches for all the rest.
    if manifest_sha256 not in (None, hashlib.sha256(cover.encode()).hexdigest()):
        raise JoulecutError(
            f"{folder / MANIFEST_FILE} is another one than was signed a moment ago; start again once it is left alone"
        )
    manifest = _decoded_manifest(cover)
    text = _read_text(folder / GRAPH_FILE, limits.max_graph_bytes)
    record = decode_record(parse_json(text, BundleError, GRAPH_FILE))
    if len(record.nodes) > limits.max_nodes:
        raise BundleError(f"the graph has {len(record.nodes)} nodes; expected at most {limits.max_nodes}")
    graph = Graph(
        name=manifest.name,
        inputs=record.inputs,
        nodes=decode_nodes(record),
        outputs=record.outputs,
        constants=_read_weights(folder / WEIGHTS_FILE, record, limits),
    )
    # Before anything is computed with the graph, and before its outputs are looked up.
    tour = walk(graph, limits)
    specs = graph.value_specs()
    if manifest.inputs != graph.inputs or manifest.outputs != tuple(specs[name] for name in graph.outputs):
        raise BundleError(f"{MANIFEST_FILE} and {GRAPH_FILE} differ in inputs or outputs; fetch or pack it again")
    network = graph_digest(graph)
    scales = read_scales(folder, graph, network) if INT8_VARIANT in manifest.variants else None
    digest = bundle_digest(network, _variant_digests(scales))
    if digest != manifest.digest:
        raise BundleError(f"its content has digest {digest}; expected {show(manifest.digest)}: fetch or pack it again")
    return OpenedBundle(graph=graph, digest=digest, tour=tour, scales=scales)


def _variant_digests(scales: Scales | None) -> dict[str, str]:
    return {} if scales is None else {INT8_VARIANT: scales_digest(scales)}


def _document(manifest: Manifest) -> dict[str, object]:
    document: dict[str, object] = encode(manifest)
    if not manifest.variants:
        # Earlier versions read bundles without variants, and know no such key.
        del document["variants"]
    return document


def _size_bytes(path: Path) -> int:
    """Size of a regular file; links, pipes and devices are refused."""
    try:
        status = path.lstat()
    except OSError as cause:
        raise BundleError(f"{path.name} is missing or out of reach; expected a bundle of joulecut pack") from cause
    if not stat.S_ISREG(status.st_mode):
        raise BundleError(f"{path.name} is not a regular file; expected a bundle of joulecut pack")
    return status.st_size


def _read_text(path: Path, max_bytes: int) -> str:
    size_bytes = _size_bytes(path)
    if size_bytes > max_bytes:
        raise BundleError(f"{path.name} has {size_bytes} bytes; expected at most {max_bytes}")
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as cause:
        raise BundleError(f"{path.name} cannot be read: {cause}") from cause


def _read_weights(path: Path, record: GraphRecord, limits: Limits) -> Mapping[str, Tensor]:
    declared = {spec.name: spec for spec in record.constants}
    for spec in record.constants:
        if min(spec.shape, default=0) < 0 or spec.size_bytes > limits.max_tensor_bytes:
            raise BundleError(f"constant {show(spec.name)}: {spec}; expected at most {limits.max_tensor_bytes} bytes")
    declared_bytes = sum(spec.size_bytes for spec in record.constants)
    if declared_bytes > limits.max_weights_bytes:
        raise BundleError(f"weights of {declared_bytes} bytes; expected at most {limits.max_weights_bytes}")
    size_bytes = _size_bytes(path)
    if size_bytes > declared_bytes + _MAX_HEADER_BYTES_PER_TENSOR * (len(declared) + 1):
        raise BundleError(f"{path.name} has {size_bytes} bytes; {GRAPH_FILE} declares {declared_bytes}")
    try:
        with safe_open(path, framework="pt") as stored:
            if set(stored.keys()) != set(declared):
                raise BundleError(f"{path.name} and {GRAPH_FILE} name different constants; fetch or pack it again")
            return {name: _read_tensor(stored, spec) for name, spec in declared.items()}
    except (SafetensorError, OSError) as cause:
        raise BundleError(f"{path.name} is damaged: {cause}; fetch or pack it again") from cause


def _read_tensor(stored: safe_open, spec: TensorSpec) -> Tensor:
    shape = tuple(stored.get_slice(spec.name).get_shape())  # type: ignore[no-untyped-call]  # safetensors' stubs
    if shape != spec.shape:
        raise BundleError(f"constant {show(spec.name)} has shape {list(shape)}; {GRAPH_FILE} declares {spec}")
    tensor: Tensor = stored.get_tensor(spec.name)  # type: ignore[no-untyped-call]
    try:
        actual = tensor_spec(spec.name, tensor)
    except ValueError as cause:
        raise BundleError(str(cause)) from cause
    if actual != spec:
        raise BundleError(f"constant {show(spec.name)} is {actual}; {GRAPH_FILE} declares {spec}")
    # A copy of its own: tensors inside the file lie at odd addresses, where some kernels round differently.
    return tensor.clone(memory_format=torch.contiguous_format)
