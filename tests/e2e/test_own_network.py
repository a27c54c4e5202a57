"""A network of one's own from its module to metered joules: the ten lines of Python, and the one command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import joulecut
from joulecut_core.errors import LinkError
from tests.e2e.programs import run_program

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("started_warm")]

_PATIENCE_S = 240.0
_FACTORY = """
from torch import nn

def vectors():
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 4))
"""


def _network() -> joulecut.Network:
    module = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 4))
    return joulecut.capture(module, np.zeros((1, 64), np.float32), name="vectors")


def _children() -> set[str]:
    """The processes that this one has started and that still are."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {child for task in tasks for child in task.read_text().split()}


def test_a_pair_for_a_block(tmp_path: Path) -> None:
    """Both agents answer as the unsplit network, under a plan; a body that raises leaves no process behind."""
    network, before = _network(), _children()
    sample = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 64)
    kept: list[joulecut.Connection] = []

    def use() -> None:
        with joulecut.emulate(
            network, uplink_bps=20e6, latency_s=1.0, slowdown=4.0, profiles=tmp_path / "profiles"
        ) as edge:
            kept.append(edge)
            status = edge.status()
            assert (status.network_digest, status.server_connected) == (network.digest, True)
            assert status.plan is not None
            assert status.plan.status == "optimal"
            answer = edge.infer(sample)
            np.testing.assert_allclose(answer.outputs[0], network.run(sample)[0], rtol=1e-5, atol=1e-6)
            assert answer.ledger.joules.edge_wait > 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use()
    assert _children() == before
    with pytest.raises(LinkError, match="closed"):
        kept[0].status()
    # They outlive the pair, so that the next one starts at once.
    assert len(list((tmp_path / "profiles").glob("*.json"))) == 2


def test_one_command(tmp_path: Path) -> None:
    """A vector's network, named by its module, is profiled, planned for and run, its own inputs sent."""
    (tmp_path / "mine.py").write_text(_FACTORY)
    rows = torch.randn(5, 64, generator=torch.Generator().manual_seed(3)).numpy()
    np.save(tmp_path / "rows.npy", rows)
    options = ("--inputs", "rows.npy", "--rate-hz", 40, "--slo-ms", 500, "--slowdown", 4, "--count", 6, "--json")
    done = run_program(
        "joulecut", "run", "mine:vectors", "--input", "1x64", *options, folder=tmp_path, patience_s=_PATIENCE_S
    )
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert (document["schema"], document["network"]) == ("joulecut.trial/1", "vectors")
    assert document["samples"] == "5 inputs of rows.npy"
    rows_by_policy = {row["policy"]: row for row in document["policies"]}
    assert set(rows_by_policy) | {each["policy"] for each in document["left_out"]} == {
        "all-edge",
        "all-server",
        "governor",
        "joint",
    }
    joint = rows_by_policy["joint"]
    assert (joint["requests"], joint["top1_agreement"]) == (6, 1.0)
    assert joint["predicted"]["energy_j"] > 0
    assert joint["metered"]["energy_j"] == pytest.approx(joint["predicted"]["energy_j"], rel=0.5)
    assert document["labels"]["energy"] == "emulated"
