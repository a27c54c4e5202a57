"""Certificates that expire while agents run, and are replaced."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.scenario import Pair, Setting, with_pair
from tests.chaos.site import tls_table
from tests.fakes.certificates import TestAuthority

DAY_S = 86_400.0


def test_an_edge_whose_certificate_expires(shared: Path, nursery: AgentNursery, tmp_path: Path) -> None:
    """No new connection is made with it: the edge answers alone. A new file is enough, without any restart."""
    authority = TestAuthority(tmp_path / "certificates")
    server = authority.issue("server", "gpu")
    edge = authority.issue("edge", "camera")

    async def scene(pair: Pair) -> None:
        assert all(ledger.served_by == "split" for ledger in await pair.stream(3))
        authority.issue("edge", "camera", to_days=-1e-6)
        pair.proxy.cut()
        ledgers = await pair.stream(30)
        assert {ledger.served_by for ledger in ledgers[-10:]} == {"edge"}
        assert pair.edge.is_running
        authority.issue("edge", "camera")
        await pair.splits_again()

    setting = Setting(seed=61, edge_tables=tls_table(edge), server_extra=tls_table(server))
    with_pair(shared, nursery, tmp_path, scene, setting)
