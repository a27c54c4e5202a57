"""Who answers where agents usually listen."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from joulecut.diagnosis import ports
from joulecut.diagnosis.finding import Finding, Status
from joulecut.diagnosis.ports import examine_ports
from joulecut_core.errors import ContractError
from joulecut_proto.agent_messages import Hello, HelloReply
from joulecut_proto.channels import bind, make_server
from joulecut_proto.servicers import add_agent
from joulecut_proto.usual_address import EDGE_ADDRESS
from tests.api.fake_edge import FakeLocal, serving_edge
from tests.proto.fake_services import FakeAgent


def told(program: str, address: str) -> Finding:
    """The one finding about a program's address."""
    (finding,) = examine_ports({program: address})
    return finding


@pytest.fixture
def silent_listener(tmp_path: Path) -> Iterator[str]:
    """A socket that accepts and never says anything."""
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(4)
        yield f"unix:{path}"


def test_a_free_place(tmp_path: Path) -> None:
    """An agent could be started there."""
    finding = told("edge-agent", f"unix:{tmp_path}/edge.sock")
    assert finding.status is Status.OK
    assert finding.facts["free"] is True


def test_a_place_that_does_not_exist(tmp_path: Path) -> None:
    """Without the units' folder the default path cannot be used; that is a note with another way."""
    finding = told("edge-agent", f"unix:{tmp_path}/nowhere/edge.sock")
    assert finding.status is Status.NOTE
    assert "--listen" in (finding.remedy or "")


def test_a_user_who_may_not_use_the_services_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place that an agent of this user takes instead is told, and nothing is made for that."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)
    finding = told("edge-agent", EDGE_ADDRESS)
    assert finding.status is Status.OK
    assert finding.facts["address"] == f"unix:{tmp_path}/joulecut/edge.sock"
    assert not list(tmp_path.iterdir())


def test_somebody_else_listens(silent_listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that does not speak the contract is named as such, after a bounded wait."""
    monkeypatch.setattr(ports, "_ANSWER_S", 0.3)
    finding = told("edge-agent", silent_listener)
    assert finding.status is Status.WARNING
    assert "does not answer as edge-agent" in finding.what
    assert told("server-agent", silent_listener).status is Status.WARNING


def test_a_running_edge_agent_is_recognised() -> None:
    """What it runs, and on what."""
    with serving_edge(FakeLocal()) as (address, _):
        finding = told("edge-agent", address)
    assert finding.status is Status.OK
    assert finding.facts["network"] == "tiny"
    assert "tiny on Orin Nano" in finding.what


async def asked(agent: FakeAgent) -> Finding:
    """What is told about a server-agent that runs."""
    server = make_server(secured=False)
    add_agent(server, agent, guards=None)
    port = bind(server, "127.0.0.1:0", security=None)
    await server.start()
    try:
        return await asyncio.to_thread(told, "server-agent", f"127.0.0.1:{port}")
    finally:
        await server.stop(None)


def test_a_running_server_agent_is_recognised() -> None:
    """Its name, device and networks, by the same greeting that edges use."""
    finding = asyncio.run(asked(FakeAgent()))
    assert finding.status is Status.OK
    assert finding.facts["name"] == "gpu"
    assert finding.facts["networks"] == ["tiny"]


class OtherAgent(FakeAgent):
    """An agent of another contract version."""

    async def hello(self, hello: Hello) -> HelloReply:
        raise ContractError(f"{hello.name} speaks contract version {hello.contract_version}, this side version 2")


def test_a_server_agent_of_another_version_is_a_warning() -> None:
    """It is there, and says itself why it does not work with this installation."""
    finding = asyncio.run(asked(OtherAgent()))
    assert finding.status is Status.WARNING
    assert "this side version 2" in finding.what
    assert "version" in (finding.remedy or "")
