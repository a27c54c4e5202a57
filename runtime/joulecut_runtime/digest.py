"""What makes two networks the same: graph, weights and specs. Names given to the network do not."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from joulecut_runtime.graph import Graph
from joulecut_runtime.graph_json import encode_graph


def graph_digest(graph: Graph) -> str:
    """The SHA-256 ("sha256:" + hex) of the graph's canonical JSON and then every constant's bytes, by name."""
    content = encode_graph(graph)
    digest = hashlib.sha256(len(content).to_bytes(8, "little") + content)
    for name in sorted(graph.constants):
        # The JSON holds each constant's name, element type and shape, so bytes alone are unambiguous.
        digest.update(_bytes_of(graph.constants[name]))
    return f"sha256:{digest.hexdigest()}"


def _bytes_of(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data
