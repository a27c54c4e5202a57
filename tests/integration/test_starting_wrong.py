"""What a start that cannot succeed says: one line with value and remedy, and a documented exit code."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest

from joulecut_core.exits import ExitCode
from joulecut_core.problems import Slo
from joulecut_core.programs import run_program
from joulecut_core.wires import load_wires, save_wires
from joulecut_edge import agent as edge_agent
from joulecut_server import agent as server_agent
from tests.integration.site import WAIT_S, Site

NOBODY = "127.0.0.1:9"

Check = Callable[[Callable[[], Coroutine[None, None, None]], ExitCode, str], None]


@pytest.fixture(name="ends_with")
def _ends_with(capsys: pytest.CaptureFixture[str]) -> Check:
    """Run an agent that must not start; check its exit code and its one line."""

    def check(start: Callable[[], Coroutine[None, None, None]], code: ExitCode, text: str) -> None:
        status = run_program(lambda: asyncio.run(asyncio.wait_for(start(), WAIT_S)))
        output = capsys.readouterr()
        assert output.out == ""
        lines = output.err.splitlines()
        assert len(lines) == 1, output.err
        assert lines[0].startswith("error: ")
        assert text in lines[0]
        assert status == code

    return check


def test_a_port_in_use(site: Site, ends_with: Check) -> None:
    """The address and the ways out, for both agents, on ports and on sockets; a service is started again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        remedy = f"address {address}: in use; stop the program that listens there, choose another port, or port 0"
        server = replace(site.server(), listen=address)
        ends_with(lambda: server_agent.run_agent(server), ExitCode.UNREACHABLE, remedy)
        edge = replace(site.edge(NOBODY), listen=address)
        ends_with(lambda: edge_agent.run_agent(edge), ExitCode.UNREACHABLE, remedy)
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(f"{site.own}/edge.sock")
        taken.listen()
        edge = site.edge(NOBODY)
        ends_with(
            lambda: edge_agent.run_agent(edge), ExitCode.UNREACHABLE, f"address unix:{site.own}/edge.sock: in use"
        )


def test_a_missing_bundle(site: Site, ends_with: Check) -> None:
    """The folder, and that `joulecut pack` or a digest would help."""
    missing = str(site.own / "nothing")
    server = replace(site.server(), bundles=(missing,))
    ends_with(lambda: server_agent.run_agent(server), ExitCode.BAD_INPUT, "manifest.json")
    edge = replace(site.edge(NOBODY), bundle=missing)
    ends_with(
        lambda: edge_agent.run_agent(edge),
        ExitCode.BAD_INPUT,
        f"bundle: {missing} holds no packed network; run `joulecut pack`, or give its digest to fetch it",
    )
    fetching = replace(edge, digest=site.digest)
    ends_with(
        lambda: edge_agent.run_agent(fetching), ExitCode.UNREACHABLE, f"bundle {site.digest} cannot be fetched: server"
    )


def test_a_changed_bundle(site: Site, ends_with: Check) -> None:
    """A bundle whose content is not what its digest says is refused by both sides."""
    forged = site.own / "forged"
    shutil.copytree(site.bundle, forged)
    manifest = json.loads((forged / "manifest.json").read_text())
    manifest["digest"] = "sha256:" + "0" * 64
    (forged / "manifest.json").write_text(json.dumps(manifest))
    text = f"its content has digest {site.digest}; expected 'sha256:0000"
    server = replace(site.server(), bundles=(str(forged),))
    ends_with(lambda: server_agent.run_agent(server), ExitCode.BAD_INPUT, text)
    edge = replace(site.edge(NOBODY), bundle=str(forged))
    ends_with(lambda: edge_agent.run_agent(edge), ExitCode.BAD_INPUT, text)


def test_a_bundle_of_another_digest_than_asked_for(site: Site, ends_with: Check) -> None:
    """A server that serves something else cannot give what was asked for: the line names both digests."""
    digest = "sha256:" + "0" * 64

    async def start() -> None:
        async with server_agent.serving(site.server()) as server:
            await edge_agent.run_agent(replace(site.edge(server), bundle=str(site.own / "net"), digest=digest))

    ends_with(
        start, ExitCode.UNREACHABLE, f"network '{digest}' is not served here; expected one of: tiny {site.digest}"
    )


def test_wires_of_another_network(site: Site, ends_with: Check) -> None:
    """No server could plan with them: both networks are named before anything is measured."""
    other = "sha256:" + "0" * 64
    edge = site.edge(NOBODY)
    table = replace(load_wires(edge.wires), network="other", network_digest=other)
    save_wires(table, site.own / "other.json")
    start = replace(edge, wires=str(site.own / "other.json"))
    ends_with(
        lambda: edge_agent.run_agent(start),
        ExitCode.BAD_INPUT,
        f"wires: {start.wires} is of network other {other}; this edge runs tiny {site.digest}: measure",
    )


def test_an_unknown_device(site: Site, ends_with: Check) -> None:
    """The name, and the nearest that there is."""
    server = replace(site.server(), device="emulated:t5")
    ends_with(
        lambda: server_agent.run_agent(server), ExitCode.DEVICE, "device 'emulated:t5' is unknown; expected one of"
    )
    edge = replace(site.edge(NOBODY), device="emulated:orin-nano-15")
    ends_with(lambda: edge_agent.run_agent(edge), ExitCode.DEVICE, "is unknown; did you mean 'emulated:orin-nano-15w'")


def test_nan_in_a_profile(site: Site, ends_with: Check) -> None:
    """File, field and value: a damaged profile is not planned with, nor measured over in silence."""
    profiles = site.own / "profiles"
    server, edge = replace(site.server(), profiles=str(profiles)), replace(site.edge(NOBODY), profiles=str(profiles))

    async def make_both() -> None:
        async with server_agent.serving(server), edge_agent.serving(edge):
            pass

    asyncio.run(make_both())
    for path in profiles.iterdir():
        document = json.loads(path.read_text())
        document["points"][0]["block_s"][0] = float("nan")
        path.write_text(json.dumps(document))
    text = ".json: points[0].block_s[0]: nan; expected a finite number"
    ends_with(lambda: server_agent.run_agent(server), ExitCode.BAD_INPUT, text)
    ends_with(lambda: edge_agent.run_agent(edge), ExitCode.BAD_INPUT, text)


def test_a_wire_table_of_another_network(site: Site, ends_with: Check) -> None:
    """A missing file of measured wires is named."""
    edge = replace(site.edge(NOBODY), wires=str(site.own / "wires.json"))
    ends_with(lambda: edge_agent.run_agent(edge), ExitCode.BAD_INPUT, f"{site.own}/wires.json: no such file")


def test_terms_that_cannot_be(site: Site, ends_with: Check) -> None:
    """An unknown policy, an address that is none, a deadline in the past."""
    edge = site.edge(NOBODY)
    ends_with(
        lambda: edge_agent.run_agent(replace(edge, policy="best")),
        ExitCode.BAD_INPUT,
        "policy: 'best'; expected one of",
    )
    ends_with(
        lambda: edge_agent.run_agent(replace(edge, server="gpu box")),
        ExitCode.BAD_INPUT,
        "address 'gpu box': expected host:port",
    )
    ends_with(
        lambda: edge_agent.run_agent(replace(edge, slo=Slo(latency_s=-1.0, quantile=0.99))),
        ExitCode.BAD_INPUT,
        "slo.latency_s: -1.0",
    )


def test_a_damaged_epoch_file(site: Site, ends_with: Check) -> None:
    """The server does not guess where its epochs stood."""
    (site.own / "gpu.epoch").write_text("many")
    ends_with(lambda: server_agent.run_agent(site.server()), ExitCode.BAD_INPUT, "gpu.epoch: 'many'; expected")
