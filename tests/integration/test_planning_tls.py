"""`joulecut plan --server` with a certificate: an operator's is taken, and none is no way to another host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from joulecut.commands.plan import plan
from joulecut_core.programs import run_program
from joulecut_proto.security.tls_options import ServerTls
from joulecut_server import agent as server_agent
from joulecut_server.access.options import AccessOptions, EdgeRule
from tests.fakes.certificates import Holder, TestAuthority
from tests.integration.planning_site import run
from tests.integration.site import Site
from tests.planner.small_document import small_document

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="joulecut_plan")
def _joulecut_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, in this process, on a small problem."""
    problem = tmp_path / "plan.json"
    problem.write_text(json.dumps(small_document()), encoding="utf-8")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(plan)

    def ended(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            raise SystemExit(run_program(lambda: app([str(problem), "--json", *arguments])))
        output = capsys.readouterr()
        return int(end.value.code or 0), output.out, output.err

    return ended


def _folder(holder: Holder, folder: Path) -> str:
    """As `joulecut pki issue` lays a certificate out."""
    folder.mkdir()
    for name, source in (("authority", holder.authority), ("certificate", holder.certificate), ("key", holder.key)):
        (folder / f"{name}.pem").write_bytes(source.read_bytes())
    return str(folder)


def test_an_operator_plans_on_a_secured_server(site: Site, tmp_path: Path, joulecut_plan: Command) -> None:
    """And an edge that may not have problems solved is told the rule, with the exit code for that."""
    authority = TestAuthority(tmp_path / "authority")
    gpu = authority.issue("server", "gpu")
    config = replace(
        site.server(),
        tls=ServerTls(authority=str(gpu.authority), certificate=str(gpu.certificate), key=str(gpu.key)),
        access=AccessOptions(edges=(EdgeRule(solver=False),)),
    )
    operator = _folder(authority.issue("operator", "boss"), tmp_path / "operator")
    edge = _folder(authority.issue("edge", "cam"), tmp_path / "edge")

    async def test() -> None:
        async with server_agent.serving(config) as address:
            code, out, err = await asyncio.to_thread(joulecut_plan, "--server", address, "--tls", operator)
            assert code == 0, err
            assert json.loads(out)["status"] == "optimal"
            code, out, err = await asyncio.to_thread(joulecut_plan, "--server", address, "--tls", edge)
            assert (code, out) == (7, "")
            assert "spiffe://lab/edge/cam may not have problems solved here" in err

    run(test())


def test_plain_text_to_another_host_needs_the_flag(joulecut_plan: Command) -> None:
    """The remedy stands in the complaint; flags without a server are a mistake."""
    code, out, err = joulecut_plan("--server", "192.0.2.7:1")
    assert (code, out) == (2, "")
    assert "without TLS only addresses of this host are used" in err
    for flags in (("--insecure",), ("--tls", "folder")):
        code, out, err = joulecut_plan(*flags)
        assert (code, out) == (2, "")
        assert "given without --server" in err
