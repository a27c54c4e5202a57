"""Both agents as processes, watched as a site watches them: JSON lines of their logs, and one trace over both."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from joulecut.connections.connection import connect
from joulecut.demo.processes import AgentProcess
from tests.e2e.pair import log_of, seconds_until
from tests.integration.site import Site, make_shared
from tests.integration.span_collector import Collector, collecting
from tests.integration.tiny_network import pictures

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("started_warm")]

_START_S = 180.0
_SOON_S = 90.0


def server_file(site: Site, collector: Collector) -> Path:
    """A server-agent's configuration, which says everything in the file."""
    config, path = site.server(), site.own / "server.toml"
    path.write_text(
        f'bundles = ["{site.bundle}"]\nlisten = "127.0.0.1:0"\nadvertise = false\nstate = "{site.own}"\n'
        f'device = "{config.device}"\nprofiles = "{config.profiles}"\nlog_format = "json"\n'
        f'[traces]\nendpoint = "{collector.endpoint}"\n'
    )
    return path


def edge_file(site: Site, server: str, collector: Collector) -> Path:
    """An edge-agent's configuration, without a word on the log."""
    config, path = site.edge(server), site.own / "edge.toml"
    path.write_text(
        f'bundle = "{config.bundle}"\nserver = "{server}"\nlisten = "{config.listen}"\npolicy = "all-server"\n'
        f'device = "{config.device}"\nprofiles = "{config.profiles}"\nwires = "{config.wires}"\n'
        "max_accuracy_loss = 1.0\n"
        f'[traces]\nendpoint = "{collector.endpoint}"\n'
    )
    return path


def names(collector: Collector) -> set[str]:
    """Of what spans have come."""
    return {each.name for each in tuple(collector.seen)}


def lines_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """An agent's log; fails where a line of it is no JSON."""
    return [json.loads(line) for line in log_of(folder, name).splitlines()]


def test_a_silent_server_in_log_and_trace(tmp_path: Path) -> None:
    """Every line is JSON from the first on; an unanswered request is found by one id in log and trace."""
    site = Site(shared=tmp_path, own=tmp_path, digest=make_shared(tmp_path))
    picture = pictures(1)[0].numpy()
    with collecting() as collector:
        server = AgentProcess(
            "server-agent", ["--config", str(server_file(site, collector))], folder=tmp_path, name="server"
        )
        with server:
            config = edge_file(site, server.wait_ready(_START_S), collector)
            arguments = ["--config", str(config), "--log-format", "json"]
            edge = AgentProcess("edge-agent", arguments, folder=tmp_path, name="edge")
            with edge, connect(edge.wait_ready(_START_S)) as connection:
                seconds_until(lambda: connection.infer(picture).ledger.served_by == "server", deadline_s=_SOON_S)
                # What has not been exported yet ends with the process; its parts may come before it.
                seconds_until(lambda: "serve request" in names(collector), deadline_s=_SOON_S)
                os.kill(json.loads((tmp_path / "server.ready.json").read_text())["pid"], signal.SIGSTOP)
                ledger = connection.infer(picture).ledger
                server.kill()
    assert (ledger.served_by, ledger.fallback) == ("edge", True)
    for name in ("server", "edge"):
        lines = lines_of(tmp_path, name)
        assert "configuration: " in lines[0]["message"]
        assert all({"timestamp", "level", "logger", "message"} <= line.keys() for line in lines)
    # On a busy host a request before it may have been late as well.
    *_, told = (line for line in lines_of(tmp_path, "edge") if "finished locally" in line["message"])
    assert told["level"] == "WARNING"
    assert told["request_id"] in told["message"]
    (root,) = (each for each in collector.roots() if each.span.trace_id.hex() == told["trace_id"])
    assert (root["fallback_reason"], root["epoch"]) == ("late", told["epoch"])
    assert "local tail" in collector.children(root)
    whole = [each for each in collector.seen if each.name == "serve request"]
    assert {each.service for each in whole} == {"joulecut-server"}
    calls = {each.span.span_id for each in collector.seen if each.name == "server"}
    assert {each.span.parent_span_id for each in whole} <= calls
