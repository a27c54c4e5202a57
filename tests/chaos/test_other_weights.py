"""A server that comes back at its place with another network of the same shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from joulecut_runtime.networks.bundle import write_bundle
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.scenario import Pair, Setting, with_pair
from tests.integration.tiny_network import tiny_graph


def test_other_weights_are_not_used(shared: Path, nursery: AgentNursery, tmp_path: Path) -> None:
    """The edge notices by the digest, says so and answers alone; with the right weights back, it offloads again."""
    graph = tiny_graph()
    constants = {name: 1.5 * value if value.is_floating_point() else value for name, value in graph.constants.items()}
    write_bundle(replace(graph, constants=constants), tmp_path / "other")

    async def scene(pair: Pair) -> None:
        right = list(pair.server.arguments)
        bundle = right.index("--bundle") + 1
        await pair.stream(3)
        pair.server.kill()
        pair.server.arguments[bundle] = str(tmp_path / "other")
        await pair.server.start()
        ledgers = await pair.stream(40)
        assert {ledger.served_by for ledger in ledgers} == {"edge"}
        assert "does not serve tiny" in pair.edge.text()
        assert await pair.server.stop() == 0
        pair.server.arguments[:] = right
        await pair.server.start()
        await pair.splits_again()

    with_pair(shared, nursery, tmp_path, scene, Setting(seed=51))
