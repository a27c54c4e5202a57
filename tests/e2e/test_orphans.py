"""Agents that a program started end with it, however it ends."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.site import make_shared
from tests.warm.programs import WarmPrograms

GONE_MS = 60_000
SCRIPT = """
import os, signal, sys
from pathlib import Path
from joulecut.demo.processes import AgentProcess

folder, shared, python = map(Path, sys.argv[1:])
sys.executable = str(python)
agent = AgentProcess(
    "server-agent",
    ["--device", "emulated:t4", "--bundle", str(shared / "net"), "--no-advertise",
     "--profiles", str(shared / "profiles"), "--state", str(folder)],
    folder=folder,
    name="server",
)
agent.wait_ready(120.0)
print(agent.pid, flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.e2e
def test_a_killed_program_leaves_no_agent_behind(tmp_path: Path, warm: WarmPrograms) -> None:
    """Not even SIGKILL, which lets nobody clean up: the agent notices that its standard input has ended."""
    shared = tmp_path / "shared"
    shared.mkdir()
    make_shared(shared)
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(shared), str(warm.path / "python")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        agent = os.pidfd_open(int(program.stdout.readline()))
        try:
            program.stdin.write("die\n")
            program.stdin.flush()
            ended = select.poll()
            ended.register(agent, select.POLLIN)
            assert ended.poll(GONE_MS), "the agent outlived who started it"
        finally:
            os.close(agent)
    assert "stopping on the end of who started it" in (tmp_path / "server.log").read_text()
