"""A graph as JSON, without its weights: what stands in a bundle's graph.json and under its digest.

Numbers, texts, booleans, null and lists stand for themselves; everything else is an object with one
key: {"value": name}, {"constant": name}, {"dtype": name}, {"memory_format": name}, {"float": "inf"}.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joulecut_core.decoding import decode, encode, show
from joulecut_core.errors import BundleError
from joulecut_core.networks import DTYPES, TensorSpec
from joulecut_runtime.networks.graph import Argument, Constant, ElementType, Graph, MemoryFormat, Node, Value

GRAPH_SCHEMA = "joulecut.graph/1"
_DEEPEST_LIST = 3
_LONGEST_NAME = 1_000
"""Paths of modules are shorter. Names stand in errors, logs and tables, which are no place for megabytes."""
_INFINITIES = {"inf": math.inf, "-inf": -math.inf}
_TAGS: Mapping[str, type[Value] | type[Constant] | type[ElementType] | type[MemoryFormat]] = {
    "value": Value,
    "constant": Constant,
    "dtype": ElementType,
    "memory_format": MemoryFormat,
}
_TAG_OF = {kind: tag for tag, kind in _TAGS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """One node as it stands in the file; arguments not decoded yet."""

    name: str
    operator: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    dtype: str
    shape: tuple[int, ...]
    module: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRecord:
    """A graph as it stands in the file: what it declares, before anything of it is believed."""

    inputs: tuple[TensorSpec, ...]
    constants: tuple[TensorSpec, ...]
    nodes: tuple[NodeRecord, ...]
    outputs: tuple[str, ...]
    schema: str = GRAPH_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != GRAPH_SCHEMA:
            raise BundleError(f"schema: {show(self.schema)}; expected {GRAPH_SCHEMA!r}: pack the network again")
        # Each by itself: an input and a constant may have one name.
        specs = (*self.inputs, *self.constants)
        for name, dtype in [
            *((spec.name, spec.dtype) for spec in specs),
            *((node.name, node.dtype) for node in self.nodes),
        ]:
            _check_name(name)
            if dtype not in DTYPES:
                raise BundleError(f"{name}: element type {show(dtype)}; expected one of {', '.join(sorted(DTYPES))}")
        if len({spec.name for spec in self.constants}) != len(self.constants):
            raise BundleError("constants: a name is given twice; expected unique names")
        # Cuts and blocks are named after them.
        for module in {node.module for node in self.nodes}:
            _check_name(module)


def encode_graph(graph: Graph) -> bytes:
    """The canonical JSON of a graph: equal graphs give equal bytes."""
    record = GraphRecord(
        inputs=graph.inputs,
        constants=graph.constant_specs(),
        nodes=tuple(
            NodeRecord(
                name=node.name,
                operator=node.operator,
                arguments=tuple(_encode_argument(argument) for argument in node.arguments),
                keywords={key: _encode_argument(argument) for key, argument in node.keywords.items()},
                dtype=node.output.dtype,
                shape=node.output.shape,
                module=node.module,
            )
            for node in graph.nodes
        ),
        outputs=graph.outputs,
    )
    return json.dumps(encode(record), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _check_name(name: str) -> None:
    if len(name) > _LONGEST_NAME:
        raise BundleError(f"{show(name)}: has {len(name)} characters; expected at most {_LONGEST_NAME}")
    if not name.isprintable():
        raise BundleError(f"{show(name)}: expected a name of printable characters alone; name the module otherwise")


def decode_record(document: object) -> GraphRecord:
    """What parsed JSON declares. Raises BundleError naming the path, the value and what was expected."""
    return decode(GraphRecord, document, error=BundleError)


def decode_nodes(record: GraphRecord) -> tuple[Node, ...]:
    """The record's nodes, their arguments decoded. Raises BundleError naming the node."""
    return tuple(_decode_node(node) for node in record.nodes)


def _decode_node(record: NodeRecord) -> Node:
    return Node(
        name=record.name,
        operator=record.operator,
        arguments=tuple(_decode_argument(item, record.name) for item in record.arguments),
        keywords={key: _decode_argument(item, record.name) for key, item in record.keywords.items()},
        output=TensorSpec(name=record.name, dtype=record.dtype, shape=record.shape),
        module=record.module,
    )


def _encode_argument(argument: Argument) -> object:
    if isinstance(argument, tuple):
        return [_encode_argument(item) for item in argument]
    if isinstance(argument, (Value, Constant, ElementType, MemoryFormat)):
        return {_TAG_OF[type(argument)]: argument.name}
    if isinstance(argument, float) and math.isinf(argument):
        return {"float": repr(argument)}
    return argument


def _decode_argument(data: object, node: str, depth: int = 0) -> Argument:
    if data is None or isinstance(data, (bool, int, str)):
        return data
    if isinstance(data, float) and math.isfinite(data):
        return data
    if isinstance(data, list) and depth < _DEEPEST_LIST:
        return tuple(_decode_argument(item, node, depth + 1) for item in data)
    if isinstance(data, Mapping) and len(data) == 1:
        ((tag, name),) = data.items()
        if tag == "float" and isinstance(name, str) and name in _INFINITIES:
            return _INFINITIES[name]
        if tag in _TAGS and isinstance(name, str):
            try:
                return _TAGS[tag](name=name)
            except ValueError as cause:
                raise BundleError(f"node {node}: {cause}") from cause
    raise BundleError(f"node {node}: argument {show(data)}; expected a number, a text, a list or one tagged name")
