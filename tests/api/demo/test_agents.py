"""Starting the demo's agents: what is waited for, and what is said where they do not come up."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.connections.connection import connect
from joulecut.demo import agents
from joulecut.demo.agents import common_arguments, kept_address, wait_connected
from joulecut.demo.planned import plan_policy
from joulecut.demo.processes import AgentProcess
from joulecut.demo.scenario import Scenario
from joulecut.demo.workplace import SHIPPED, Workplace
from joulecut_core.errors import ConfigError, LinkError
from joulecut_core.wires import load_wires
from joulecut_planner import Policy
from joulecut_proto.local_messages import ReplanRequest
from joulecut_server.config import ServerConfig
from tests.api.demo_samples import TOTAL
from tests.api.fake_edge import LOCAL, STATUS, FakeLocal, serving_edge
from tests.loaded_config import load_config
from tests.proto.fake_services import NO_PLAN


def test_a_server_s_address_is_nobody_else_s_while_it_measures() -> None:
    """Minutes pass until it listens there, and again where it is started anew: the port waits for it alone."""
    with kept_address() as address:
        host, port = address.split(":")
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((host, int(port)))
        for _ in range(2):
            with serving_edge(FakeLocal(), address), connect(address) as edge:
                assert edge.status() == STATUS


def test_connected_means_planned_together() -> None:
    """A server that is found but has made no plan yet is waited for: the edge would still answer alone."""
    service = FakeLocal()
    alone = replace(STATUS, assignment=LOCAL)
    joined = replace(alone, server_connected=True)
    planned = replace(joined, assignment=replace(LOCAL, epoch=1))
    service.statuses = [STATUS, alone, joined, joined, planned]
    with serving_edge(service) as (address, _):
        wait_connected(address, 10.0)
    assert service.statuses == [planned]


def test_an_edge_that_finds_no_server() -> None:
    """The wait ends, and says what it waited for."""
    service = FakeLocal()
    service.statuses = [replace(STATUS, assignment=LOCAL)]
    with (
        serving_edge(service) as (address, _),
        pytest.raises(LinkError, match=r"^no plan with the server came within 0 s$"),
    ):
        wait_connected(address, 0.0)


def test_policies_are_previewed() -> None:
    """Asking what a policy would do changes nothing at the agents."""
    service = FakeLocal()
    with serving_edge(service) as (address, _), connect(address) as edge:
        planned = plan_policy(edge, TOTAL, Policy.ENERGY_CUT)
    assert service.replans == [ReplanRequest(policy="energy-cut", objective=TOTAL.objective, preview=True)]
    assert planned.plan == NO_PLAN


@pytest.mark.parametrize("dashboard", ["", "127.0.0.1:8080"])
def test_the_server_is_told_of_its_dashboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dashboard: str) -> None:
    """A dashboard is served where one is asked for, and by nobody else."""
    started: list[list[str]] = []

    def start(program: str, arguments: list[str], *, folder: Path, name: str) -> None:
        del program, folder, name
        started.append(arguments)

    monkeypatch.setattr(agents, "AgentProcess", start)
    workplace = Workplace(folder=tmp_path, run_folder=tmp_path, dashboard=dashboard)
    agents.start_server(Scenario(), workplace, ["--bundle", "net"], listen="127.0.0.1:1")
    [arguments] = started
    assert ("--config" in arguments) is bool(dashboard)
    if dashboard:
        config = load_config(ServerConfig, tmp_path / "server.toml", {"device": "emulated:t4", "bundles": ["net"]})
        assert config.dashboard.listen == dashboard


@pytest.mark.parametrize("reprofile", [False, True])
def test_shipped_profiles_are_left_out_on_request(tmp_path: Path, reprofile: bool) -> None:
    """With --reprofile the agents must not find what they are to measure."""
    workplace = Workplace(folder=tmp_path, run_folder=tmp_path / "run")
    arguments = common_arguments(Scenario(), workplace, slowdown=3.0, reprofile=reprofile)
    assert (str(SHIPPED) in arguments) is not reprofile
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert (options["--slowdown"], options["--bundle"]) == ("3.0", str(workplace.bundle))
    assert options["--profiles"] == str(tmp_path / "run" / "profiles")


def test_what_is_shipped_belongs_together() -> None:
    """Profiles of both sides and the wire table are of one network, and say that they are emulated."""
    profiles = [json.loads(path.read_text()) for path in SHIPPED.glob("*-b1-*.json")]
    assert sorted(profile["key"]["side"] for profile in profiles) == ["edge", "server"]
    assert {profile["figures"] for profile in profiles} == {"emulated"}
    wires = load_wires(Workplace(folder=SHIPPED, run_folder=SHIPPED).shipped_wires)
    assert {profile["key"]["network_digest"] for profile in profiles} == {wires.network_digest}
    assert {wire.codec for wire in wires.at(0)} >= {"raw", "jpeg98"}


def test_an_agent_that_stops_at_once(tmp_path: Path) -> None:
    """The end of its log is in the error: the newcomer need not search for it."""
    with (
        AgentProcess("server-agent", ["--bundle", "nowhere"], folder=tmp_path, name="server") as agent,
        pytest.raises(LinkError, match=r"^server stopped with exit status 2: options: device: missing"),
    ):
        agent.wait_ready(30.0)
    assert agent.stop() == 2


def test_an_agent_that_stays_silent(tmp_path: Path) -> None:
    """It is not waited for without end, and leaving stops it."""
    with (
        AgentProcess("joulecut", ["run", "--help"], folder=tmp_path, name="edge") as agent,
        pytest.raises(LinkError, match=r"edge was not ready within 0 s"),
    ):
        agent.wait_ready(0.0)
    assert agent.stop() is not None


def test_a_program_that_is_not_installed(tmp_path: Path) -> None:
    """The extra to install is named."""
    with pytest.raises(ConfigError, match=r"no-agent is not installed beside .*pip install 'joulecut\[agents\]'"):
        AgentProcess("no-agent", [], folder=tmp_path, name="edge")
