"""Operator calls of a bundle: one valid call of every operator that a network may consist of, changed.

`calls.json` holds them, so that nothing is captured here. `python -m tests.fuzz.targets.calls` writes it anew from
the networks that call every operator, once the whitelist has changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from joulecut_core.errors import BundleError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.networks.graph import Argument, Constant, Graph, Node, Value, node_references
from joulecut_runtime.networks.graph_json import decode_nodes, decode_record, encode_graph
from joulecut_runtime.networks.shapes import walk
from tests.fuzz.target import Target

_FILE = Path(__file__).with_suffix(".json")


def call_targets() -> list[Target[Graph]]:
    """Graphs of one call each."""
    seeds = [json.dumps(document).encode() for document in json.loads(_FILE.read_text(encoding="ascii"))]
    return [Target(name="operator-call", read=_read, seeds=seeds, refusals=(BundleError,), rate=0.2)]


def called(targets: Iterable[Target[Graph]]) -> set[str]:
    """The operators that the seeds of targets call."""
    return {node["operator"] for target in targets for seed in target.seeds for node in json.loads(seed)["nodes"]}


def _read(data: bytes) -> Graph:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError("no JSON; expected a graph") from error
    record = decode_record(document)
    nodes = decode_nodes(record)
    if record.constants:
        raise BundleError("has constants; expected inputs only")
    graph = Graph(name="call", inputs=record.inputs, nodes=nodes, outputs=record.outputs, constants={})
    walk(graph)
    return graph


def _alone(node: Node, specs: dict[Value | Constant, TensorSpec]) -> Graph:
    """The call by itself, what it reads as inputs."""
    names = {each: f"x{index}" for index, each in enumerate(dict.fromkeys(node_references(node)))}

    def renamed(argument: Argument) -> Argument:
        if isinstance(argument, (Value, Constant)):
            return Value(name=names[argument])
        return tuple(renamed(item) for item in argument) if isinstance(argument, tuple) else argument

    call = replace(
        node,
        name="call",
        arguments=tuple(renamed(each) for each in node.arguments),
        keywords={key: renamed(each) for key, each in node.keywords.items()},
        module="",
    )
    inputs = tuple(replace(specs[each], name=name) for each, name in names.items())
    return Graph(name="call", inputs=inputs, nodes=(call,), outputs=("call",), constants={})


def _write() -> None:
    from joulecut_runtime.capturing.capture import capture  # noqa: PLC0415 - takes as long as all tests of this folder
    from tests.networks.every_operator import NETWORKS, build  # noqa: PLC0415

    found: dict[str, Graph] = {}
    for name in NETWORKS:
        graph = capture(*build(name), name="calls")
        specs: dict[Value | Constant, TensorSpec] = {
            Value(name=each): spec for each, spec in graph.value_specs().items()
        }
        specs |= {Constant(name=spec.name): spec for spec in graph.constant_specs()}
        for node in graph.nodes:
            found.setdefault(node.operator, _alone(node, specs))
    lines = ",\n".join(encode_graph(found[operator]).decode() for operator in sorted(found))
    _FILE.write_text(f"[\n{lines}\n]\n", encoding="ascii")


if __name__ == "__main__":
    _write()
