"""What makes two networks the same: graph, weights, specs and variants. Names given to the network do not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.graph_json import encode_graph


def graph_digest(graph: Graph) -> str:
    """The SHA-256 ("sha256:" + hex) of the graph's canonical JSON and then every constant's bytes, by name."""
    content = encode_graph(graph)
    digest = hashlib.sha256(len(content).to_bytes(8, "little") + content)
    for name in sorted(graph.constants):
        # The JSON holds each constant's name, element type and shape, so bytes alone are unambiguous.
        digest.update(_bytes_of(graph.constants[name]))
    return f"sha256:{digest.hexdigest()}"


def bundle_digest(network: str, variants: Mapping[str, str]) -> str:
    """The digest of a network with variants, by their names: its own where there are none, else over all of them."""
    if not variants:
        return network
    lines = [network, *(f"{name} {digest}" for name, digest in sorted(variants.items()))]
    return f"sha256:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def _bytes_of(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data
