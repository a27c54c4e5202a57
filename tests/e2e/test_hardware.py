"""Both agents as programs on real backends: an edge on a Jetson's kernel tree, a server on NVML, clocks lent by clockd.

The hardware is fake, the programs are not: what they write is seen in the kernel's files and the driver's memory.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from joulecut.connections.connection import Connection, connect
from joulecut.demo.processes import AgentProcess
from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind
from joulecut_core.profiles import load_profile
from joulecut_proto.local_messages import ReadMetersRequest, ReplanRequest
from joulecut_runtime.profiling.store import ProfileStore
from tests.e2e.pair import log_of, seconds_until
from tests.e2e.programs import run_program
from tests.fakes.jetson import FakeKernel, JetsonTree, build
from tests.fakes.jetson.boards import ORIN_NANO_36
from tests.fakes.nvml import COMPILER, NO_COMPILER, FakeNvml
from tests.integration.tiny_network import pack_tiny, pictures, tiny_network
from tests.thoroughness import THOROUGH
from tests.warm.programs import WarmPrograms

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)]

_READY_S = 180.0
_KERNEL_S = 0.01
"""Between two looks of the Jetson's kernel at its files."""
_CLOCKD = "import sys; from joulecut_runtime.clockd.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A Jetson and a GPU, and where the programs on them keep their things."""

    folder: Path
    tree: JetsonTree
    nvml: FakeNvml
    warm: WarmPrograms

    @property
    def socket(self) -> Path:
        """Where the clock daemon listens."""
        return self.folder / "clockd.sock"

    def is_heard(self) -> bool:
        """Whether the clock daemon listens; its socket is there a moment before."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    @property
    def limits_hz(self) -> tuple[int, int]:
        """What the Jetson's kernel holds its GPU between."""
        low, high = ((self.tree.node / name).read_text() for name in ("min_freq", "max_freq"))
        return int(low), int(high)

    def is_untouched(self) -> bool:
        """Whether no clock is held anywhere."""
        limits = (round(1e6 * min(ORIN_NANO_36.core_mhz)), round(1e6 * max(ORIN_NANO_36.core_mhz)))
        unlocked = (self.tree.emc / "mrq_rate_locked").read_text().strip() == "0"
        return self.limits_hz == limits and unlocked and self.nvml.gpu.is_untouched

    def holds(self, edge: OperatingPoint | None, server: OperatingPoint | None) -> bool:
        """Whether the two devices are held at these clocks."""
        if edge is not None and self.limits_hz != (round(edge.core_mhz * 1e6),) * 2:
            return False
        return server is None or self.nvml.gpu.lock == (round(server.core_mhz),) * 2


@pytest.fixture(name="site")
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: WarmPrograms) -> Iterator[Site]:
    tree, nvml = build(tmp_path / "jetson", ORIN_NANO_36), FakeNvml(tmp_path, ["a100"])
    site = Site(folder=tmp_path, tree=tree, nvml=nvml, warm=warm)
    for name, value in site.nvml.environment().items():
        monkeypatch.setenv(name, value)
    pack_tiny(tmp_path / "bundle")
    with FakeKernel(site.tree, poll_s=_KERNEL_S), _clockd(site):
        yield site


@contextmanager
def _clockd(site: Site) -> Iterator[None]:
    """The clock daemon, for whoever runs the tests."""
    command = [sys.executable, "-c", _CLOCKD, "--root", str(site.tree.root), "--socket", str(site.socket)]
    with (site.folder / "clockd.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        seconds_until(site.is_heard, deadline_s=60.0)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60.0) == 0


def _agent(site: Site, program: str, *arguments: str) -> AgentProcess:
    config = site.folder / "agent.toml"
    config.write_text(f'[hardware]\nclockd_socket = "{site.socket}"\n')
    common = ["--config", str(config), "--profiles", str(site.folder / "profiles")]
    return AgentProcess(program, [*common, *arguments], folder=site.folder, name=program)


@contextmanager
def _started_warm(site: Site) -> Iterator[None]:
    """For programs of the Jetson: only a process that starts cold loads another library of the driver's."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "executable", str(site.warm.path / "python"))
        yield


@contextmanager
def _pair(site: Site) -> Iterator[tuple[AgentProcess, AgentProcess, Connection]]:
    """Server and edge, connected, and an application's connection."""
    bundle, edge_address = str(site.folder / "bundle"), f"unix:{site.folder / 'edge.sock'}"
    server = _agent(
        site, "server-agent",
        "--device", f"nvml:{site.nvml.gpu.uuid}", "--bundle", bundle,
        "--state", str(site.folder / "state"), "--no-advertise",
    )  # fmt: skip
    with server:
        address = server.wait_ready(_READY_S)
        with _started_warm(site):
            edge = _agent(
                site, "edge-agent",
                "--device", f"jetson:{site.tree.root}", "--bundle", bundle,
                "--server", address, "--listen", edge_address,
            )  # fmt: skip
        with edge:
            edge.wait_ready(_READY_S)
            with connect(edge_address) as application:
                seconds_until(lambda: application.status().server_connected, deadline_s=60.0)
                yield server, edge, application


def test_from_profile_to_restored_clocks(site: Site) -> None:
    """Profiled at held clocks, planned, run and metered; clocks are seen where hardware has them, and put back."""
    out = site.folder / "edge.json"
    with _started_warm(site):
        profiled = run_program(
            "joulecut", "profile", site.folder / "bundle", "--device", f"jetson:{site.tree.root}", "--side", "edge",
            "--clockd-socket", site.socket, "--most-points", "4", "--out", out, folder=site.folder,
        )  # fmt: skip
    assert profiled.code == 0, profiled.err
    assert site.is_untouched()
    profile = load_profile(out)
    assert profile.figures is FigureKind.MEASURED
    assert profile.key.power_scope == "module input"
    assert all(point.achieved.matches(point.requested) for point in profile.points)
    assert len({point.requested for point in profile.points}) == len(profile.points) >= 4
    assert all(point.busy_w > 4.0 for point in profile.points)
    ProfileStore(site.folder / "profiles").put(profile)

    inputs, network = pictures(3), tiny_network()
    expected = [int(network.whole((picture,))[0].argmax()) for picture in inputs]
    with _pair(site) as (server, edge, application):
        status = application.status()
        assert status.device_info is not None
        assert status.server_info is not None
        assert (status.device_info.backend, status.server_info.backend) == ("jetson", "nvml")
        assert {status.device_info.figures, status.server_info.figures} == {FigureKind.MEASURED}
        assert status.server_info.power_scope == "GPU board"
        begin = application.read_meters(ReadMetersRequest())
        for policy in ("all-server", "all-edge", "joint"):
            assignment = application.replan(ReplanRequest(policy=policy)).assignment
            assert assignment is not None
            assert site.holds(assignment.edge_clock, assignment.server_clock)
            answers = [application.infer(picture.numpy()) for picture in inputs]
            assert [int(answer.outputs[0].argmax()) for answer in answers] == expected
            assert not any(answer.ledger.fallback for answer in answers)
            assert all(answer.ledger.joules.edge_wait + answer.ledger.joules.edge_busy > 0 for answer in answers)
            held = application.status().device
            assert held is not None
            assert assignment.edge_clock is None or held.point.matches(assignment.edge_clock)
        end = application.read_meters(ReadMetersRequest())
        assert end.edge.energy_j > begin.edge.energy_j
        assert begin.server is not None
        assert end.server is not None
        assert end.server.energy_j > begin.server.energy_j
        assert not site.is_untouched()
        assert edge.stop() == 0
        assert "stopped; clocks restored" in log_of(site.folder, "edge-agent")
        server.kill()
        seconds_until(site.is_untouched, deadline_s=60.0)
    if THOROUGH:
        with _pair(site) as (server, edge, application):
            application.replan(ReplanRequest(policy="all-server"))
            assert not site.is_untouched()
            edge.kill()
            assert server.stop() == 0
            seconds_until(site.is_untouched, deadline_s=60.0)
    assert {change.pid for change in site.nvml.journal}.isdisjoint({os.getpid()})
