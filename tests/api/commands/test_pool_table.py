"""How a pool looks to people."""

from __future__ import annotations

import io

from rich.console import Console

from joulecut.commands.pool_table import pool_table
from joulecut_server.pool import PoolStanding, ServerStanding
from joulecut_server.pool.reports import ReplicaState


def server(name: str, *, state: ReplicaState = ReplicaState.SERVING, complaint: str = "") -> ServerStanding:
    """One that has been restarted twice."""
    return ServerStanding(
        name=name,
        state=state,
        address="10.0.0.1:7000",
        node="10.0.0.1",
        gpu="3",
        pid=7,
        sessions=12,
        waiting=2,
        utilisation=0.426,
        power_w=71.25,
        energy_j=5.0,
        lives=3,
        is_heard=True,
        complaint=complaint,
    )


def shown(standing: PoolStanding, *, is_kept: bool) -> str:
    """What stands on a wide terminal."""
    screen = io.StringIO()
    Console(file=screen, width=200).print(pool_table(standing, is_kept=is_kept))
    return screen.getvalue()


def test_each_server_has_a_line() -> None:
    """With its load, draw and restarts; what went wrong stands beside its state, and brackets in it are no markup."""
    failed = server("gpu-1", state=ReplicaState.FAILED, complaint="port 7001 [in use]")
    standing = PoolStanding(name="lab [/3]", keeper_pid=1, wanted=2, servers=(server("gpu-0"), failed))
    text = shown(standing, is_kept=True)
    assert "lab [/3]: 1 of 2 servers" in text
    [first] = [line for line in text.splitlines() if "gpu-0" in line]
    assert [cell.strip() for cell in first.strip("│").split("│")] == [
        "gpu-0", "serving", "10.0.0.1:7000", "10.0.0.1", "3", "12", "2", "43 %", "71.2", "2",
    ]  # fmt: skip
    assert "failed: port 7001 [in use]" in text


def test_an_old_standing_is_told_from_a_live_one() -> None:
    """A pool whose keeper is gone may look well for ever."""
    text = shown(PoolStanding(name="lab", keeper_pid=1, wanted=2, servers=()), is_kept=False)
    assert "when its keeper ended" in text
