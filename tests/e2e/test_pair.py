"""Both agents as processes: right answers over the real contract, an orderly end."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from joulecut.connections.connection import connect
from joulecut.demo.processes import AgentProcess
from joulecut.demo.workplace import SHIPPED
from joulecut_core.errors import ContractError, LinkError
from joulecut_proto.local_messages import ReplanRequest
from tests.e2e.pair import SCENARIO, SPLIT, Packed, log_of, running_pair, seconds_until
from tests.warm.programs import WarmPrograms

pytestmark = pytest.mark.e2e

_READY_S = 180.0


@pytest.fixture(name="warmly")
def _warmly(warm: WarmPrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the pair; the edge that is alone starts cold, as from a user's shell."""
    monkeypatch.setattr(sys, "executable", str(warm.path / "python"))


@pytest.mark.usefixtures("warmly")
def test_a_pair_answers_as_the_unsplit_network_does(packed: Packed, tmp_path: Path) -> None:
    """Split, all on the server, all on the edge: the answers are the unsplit network's; SIGTERM is an orderly end."""
    last = packed.network.table.last
    with running_pair(packed, tmp_path) as (agents, edge):
        status = edge.status()
        assert status.server_connected
        assert status.network_digest == packed.network.table.digest
        for request, served_by in (
            (SPLIT, "split"),
            (ReplanRequest(policy="all-server"), "server"),
            (ReplanRequest(policy="all-edge"), "edge"),
        ):
            reply = edge.replan(request)
            assert reply.assignment is not None
            assert (0 < reply.assignment.cut < last) is (served_by == "split")
            answers = [edge.infer(picture.pixels.numpy()) for picture in packed.pictures]
            assert [int(answer.outputs[0].argmax()) for answer in answers] == list(packed.answers)
            assert {answer.ledger.served_by for answer in answers} == {served_by}
            assert {answer.ledger.epoch for answer in answers} == {reply.assignment.epoch}
            assert not any(answer.ledger.fallback for answer in answers)
            assert all(answer.ledger.joules.server > 0 for answer in answers) is (served_by != "edge")
        counters = edge.status().counters
        assert (counters.requests, counters.split, counters.local) == (60, 40, 20)
        assert counters.fallbacks == 0

        # The agents say what is wrong with an input, and go on.
        with pytest.raises(ContractError, match=r"uint8\[1, 3, 100, 100\]; expected uint8\[1, 3, 224, 224\]"):
            edge.infer(np.zeros((1, 3, 100, 100), np.uint8))
        with pytest.raises(ContractError, match=r"tensor 0 is float32"):
            edge.infer(np.zeros((1, 3, 224, 224), np.float32))
        with pytest.raises(ContractError, match="0 tensors arrived; expected 1"):
            edge.infer()
        assert int(edge.infer(packed.pictures[0].pixels.numpy()).outputs[0].argmax()) == packed.answers[0]

        assert agents.edge.stop() == 0
        assert agents.server.stop() == 0
    for program in ("edge-agent", "server-agent"):
        assert "stopping on SIGTERM" in log_of(tmp_path, program)
        assert "stopped; clocks restored" in log_of(tmp_path, program)


def test_an_edge_without_a_server_answers_alone(packed: Packed, tmp_path: Path) -> None:
    """Nobody at the server's address: the edge serves at its local plan, says so, and ends on Ctrl-C."""
    address = f"unix:{tmp_path / 'edge.sock'}"
    arguments = [
        "--device", SCENARIO.edge_device,
        "--bundle", str(packed.bundle),
        "--server", "127.0.0.1:1",
        "--listen", address,
        "--profiles", str(tmp_path / "profiles"),
        "--shipped-profiles", str(SHIPPED),
    ]  # fmt: skip
    with AgentProcess("edge-agent", arguments, folder=tmp_path, name="edge-agent") as agent:
        assert agent.wait_ready(_READY_S) == address
        with connect(address) as edge:
            answers = [edge.infer(picture.pixels.numpy()) for picture in packed.pictures[:5]]
            assert [int(answer.outputs[0].argmax()) for answer in answers] == list(packed.answers[:5])
            assert {answer.ledger.served_by for answer in answers} == {"edge"}
            # The plan was local from the start, so nothing fell back.
            assert not any(answer.ledger.fallback for answer in answers)
            status = edge.status()
            assert not status.server_connected
            assert status.assignment is not None
            assert status.assignment.epoch == 0
            with pytest.raises(LinkError, match="no server is connected"):
                edge.replan(SPLIT)
        seconds_until(lambda: "127.0.0.1:1 cannot be reached" in log_of(tmp_path, "edge-agent"), deadline_s=60.0)
        assert agent.stop(by=signal.SIGINT) == 0
    assert "stopping on SIGINT" in log_of(tmp_path, "edge-agent")
    assert "stopped; clocks restored" in log_of(tmp_path, "edge-agent")
