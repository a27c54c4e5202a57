"""A server's counts beside what its device and its edges' ledgers say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_proto.inference_messages import Origin
from joulecut_server.reporting.metrics import ServerMetrics
from joulecut_server.served_network import ServedNetworks
from tests.server.parts import Parts, Talk, WaitingRunner, with_parts
from tests.server.requests.test_recent import turn


def test_joules_count_though_the_edge_was_gone(tmp_path: Path) -> None:
    """A connection that breaks while the device computes: the answer waits for the retry, and its joules count once."""

    async def use(parts: Parts, talk: Talk) -> None:
        metrics = ServerMetrics(parts.device, parts.clocks, parts.sessions, parts.planning, parts.inference)
        parts.inference.observers.add(metrics)

        def told(name: str, **labels: str) -> float:
            return metrics.registry.get_sample_value(f"joulecut_{name}", labels) or 0.0

        runner = WaitingRunner(parts)
        parts.inference._networks = ServedNetworks((replace(next(iter(parts.networks)), runner=runner),))
        await talk.send(await parts.joined())
        await runner.began.wait()
        talk.leave()
        while parts.inference.streams:
            await turn()
        runner.may_end.set()
        while not len(parts.inference.recent):
            await turn()
        label = {"part": "server_busy", "figures": "emulated", "scope": parts.device.info.power_scope}
        counted_j = told("energy_joules_total", **label)
        assert told("request_seconds_count") == 1
        assert told("requests_total", outcome="ok") == 0

        again = Talk(talk.channel)
        await again.send(await parts.joined(), attempt=1)
        reply = (await again.reply()).header
        assert reply.origin is Origin.KEPT
        assert told("requests_total", outcome="ok") == 1
        assert told("request_seconds_count") == 1
        assert told("energy_joules_total", **label) == counted_j == pytest.approx(reply.server_energy_j)

    with_parts(tmp_path, use)
