"""One request's spans from both agents, as a collector gets them over OTLP, and the log's lines about it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from torch import Tensor

from joulecut_core.errors import ContractError
from joulecut_core.logs import note_request
from joulecut_core.wires import load_wires, save_wires
from joulecut_edge import agent as edge_agent
from joulecut_edge.config import EdgeConfig
from joulecut_proto.local_messages import InferReply
from joulecut_proto.tracing.options import TracesOptions
from joulecut_runtime.execution.part_runner import PartRunner, Stage
from joulecut_runtime.metrics.options import MetricsOptions
from joulecut_runtime.networks.parts import Part
from joulecut_server import agent as server_agent
from joulecut_server.limits import Limits
from tests.integration.site import WAIT_S, Site, application
from tests.integration.span_collector import Seen, attributes, collecting
from tests.integration.test_metrics import named, scraped
from tests.integration.tiny_network import pictures

_LOG = logging.getLogger(__name__)

PICTURE = pictures(1)[0]


def traced(site: Site, edge: TracesOptions, server: TracesOptions, *, requests: int = 1) -> list[InferReply]:
    """Some requests through both agents, which have exported everything when this returns."""

    async def run() -> list[InferReply]:
        async with AsyncExitStack() as stack:
            gpu = replace(site.server(), traces=server)
            address = await stack.enter_async_context(server_agent.serving(gpu))
            config = replace(site.edge(address), traces=edge, policy="energy-cut", wires=site.wires_at(2, "raw"))
            app = await stack.enter_async_context(
                application(await stack.enter_async_context(edge_agent.serving(config)))
            )
            await app.offloading()
            return [(await app.infer(PICTURE, f"r{number}"))[1] for number in range(requests)]

    return asyncio.run(asyncio.wait_for(run(), WAIT_S))


def only(found: dict[str, list[Seen]], name: str) -> Seen:
    """The one span of a name."""
    assert len(found[name]) == 1, f"{name}: {found}"
    return found[name][0]


def test_one_trace_spans_both_agents(site: Site) -> None:
    """A request's parts stand below it, the server's below the edge's call, none longer than what it is a part of."""
    with collecting() as collector:
        options = TracesOptions(endpoint=collector.endpoint)
        reply = traced(site, options, options)[0]
    (root,) = collector.roots()
    assert (root.name, root.service) == ("request", "joulecut-edge")
    assert {each.span.trace_id for each in collector.seen} == {root.span.trace_id}
    below = collector.children(root)
    assert set(below) == {"queue", "edge part", "encode", "server"}
    call = only(below, "server")
    asked = collector.children(call)
    assert set(asked) == {"serve request", "decode reply"}
    served = only(asked, "serve request")
    assert served.service == "joulecut-server"
    parts = collector.children(served)
    assert (
        {"receive", "decode", "server part", "reply"}
        <= set(parts)
        <= {"receive", "queue", "decode", "server part", "reply"}
    )
    for parent in (root, served):
        for same in collector.children(parent).values():
            for each in same:
                assert parent.contains(each), f"{each.name} is not within {parent.name}"
    # The server may notice that its reply has left only after the edge has read it.
    for each in (*asked["decode reply"], *(span for name in parts.keys() - {"reply"} for span in parts[name])):
        assert call.contains(each), f"{each.name} is not within {call.name}"
    ledger = reply.ledger
    assert root["cut"] == ledger.cut == served["cut"] == 2
    assert root["epoch"] == ledger.epoch == served["epoch"]
    assert (root["figures"], root["served_by"], root["fallback"]) == ("emulated", "split", False)
    assert root["edge_busy_j"] == pytest.approx(ledger.joules.edge_busy)
    assert served["server_j"] == pytest.approx(ledger.joules.server)
    tail_s = only(parts, "server part").span
    assert (tail_s.end_time_unix_nano - tail_s.start_time_unix_nano) / 1e9 == pytest.approx(
        ledger.seconds.tail, rel=0.05, abs=1e-4
    )


def test_a_fallback_tells_its_error(site: Site) -> None:
    """Refused by the server, finished here: the call has the error, the request the reason and a local tail."""
    with collecting() as collector:
        options = TracesOptions(endpoint=collector.endpoint)

        async def run() -> InferReply:
            async with AsyncExitStack() as stack:
                gpu = replace(site.server(), limits=Limits(stream_tensor_bytes=64), traces=options)
                address = await stack.enter_async_context(server_agent.serving(gpu))
                edge = replace(site.edge(address), wires=_understated(site, most_bytes=64), traces=options)
                app = await stack.enter_async_context(
                    application(await stack.enter_async_context(edge_agent.serving(edge)))
                )
                await app.offloading()
                with pytest.raises(ContractError):
                    await app.infer(PICTURE[:, :, :5])
                return (await app.infer(PICTURE))[1]

        reply = asyncio.run(asyncio.wait_for(run(), WAIT_S))
    assert reply.ledger.fallback
    assert {each.service for each in collector.seen} == {"joulecut-edge"}, "what is not let in is not traced"
    rejected, root = sorted(collector.roots(), key=lambda each: each.span.start_time_unix_nano)
    assert rejected.span.status.code == Status.STATUS_CODE_ERROR
    assert "ContractError" in rejected.span.status.message
    assert root.span.status.code != Status.STATUS_CODE_ERROR, "the application got its answer"
    assert (root["fallback"], root["fallback_reason"]) == (True, "refused")
    below = collector.children(root)
    assert "local tail" in below
    call = only(below, "server")
    assert call.span.status.code == Status.STATUS_CODE_ERROR
    (event,) = call.span.events
    assert attributes(event.attributes)["exception.type"] == "ContractError"


def _understated(site: Site, *, most_bytes: int) -> str:
    """Wires whose requests a server plans for, as if they were small enough, and then refuses."""
    table = load_wires(Path(site.edge("").wires))
    wires = tuple(replace(each, mean_bytes=most_bytes, max_bytes=most_bytes) for each in table.wires)
    path = site.own / "understated.json"
    save_wires(replace(table, wires=wires), path)
    return str(path)


def test_a_server_traces_what_its_edge_does(site: Site, tmp_path: Path) -> None:
    """An edge that samples nothing is not traced by its server either, and one that does not trace at all leaves it
    to the server."""
    file = tmp_path / "spans.jsonl"
    with collecting() as collector:
        there = TracesOptions(endpoint=collector.endpoint)
        traced(site, TracesOptions(file=str(file), sample_ratio=0.0), there, requests=2)
        assert not collector.seen
        assert not file.read_text(encoding="utf-8")
        traced(site, TracesOptions(), there, requests=2)
    assert [each.name for each in collector.roots()] == ["serve request"] * 2


def test_spans_in_a_file(site: Site, tmp_path: Path) -> None:
    """Without a collector each span is a line of JSON, with the agents' own attributes."""
    file = tmp_path / "deep" / "spans.jsonl"
    traced(site, TracesOptions(file=str(file)), TracesOptions(file=str(file)), requests=2)
    spans = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    roots = [span for span in spans if span["parent_id"] is None]
    assert [root["attributes"]["joulecut.request_id"] for root in roots] == ["r0/0", "r1/1"]
    services = {span["resource"]["attributes"]["service.name"] for span in spans}
    assert services == {"joulecut-edge", "joulecut-server"}


def test_a_collector_that_is_away_costs_no_answer(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Requests are answered, what was lost is counted on the metrics page, and the log complains once, not per span."""

    async def run() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        async with AsyncExitStack() as stack:
            address = await stack.enter_async_context(server_agent.serving(site.server()))
            nowhere = TracesOptions(endpoint="http://127.0.0.1:1")
            edge: EdgeConfig = replace(site.edge(address), traces=nowhere, metrics=MetricsOptions(listen="127.0.0.1:0"))
            app = await stack.enter_async_context(
                application(await stack.enter_async_context(edge_agent.serving(edge)))
            )
            await app.offloading()
            url = next(line.split()[-1] for line in caplog.messages if line.startswith("metrics: "))
            for _ in range(3):
                assert not (await app.infer(PICTURE))[1].ledger.fallback
            while True:
                told = await asyncio.to_thread(scraped, url)
                if told[named("joulecut_spans_total", outcome="dropped")] >= 3:
                    return told

    with caplog.at_level(logging.INFO):
        told = asyncio.run(asyncio.wait_for(run(), WAIT_S))
    assert told[named("joulecut_spans_total", outcome="exported")] == 0
    assert sum("takes no spans" in line for line in caplog.messages) == 1


def test_log_lines_of_both_sides_name_the_request(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What either agent says while it handles a request, in the device's thread too, carries the same id and trace."""
    run_part = PartRunner._run

    def run_and_tell(runner: PartRunner, part: Part, tensors: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Stage]:
        _LOG.info("runs")
        return run_part(runner, part, tensors)

    monkeypatch.setattr(PartRunner, "_run", run_and_tell)
    caplog.handler.addFilter(note_request)
    try:
        with collecting() as collector, caplog.at_level(logging.INFO):
            options = TracesOptions(endpoint=collector.endpoint)
            (reply,) = traced(site, options, options)
    finally:
        caplog.handler.removeFilter(note_request)
    edge_line, server_line = (record for record in caplog.records if record.name == __name__)
    assert edge_line.__dict__["request_id"] == server_line.__dict__["request_id"] == "r0/0"
    assert edge_line.__dict__["session"] == server_line.__dict__["session"]
    assert server_line.__dict__["epoch"] == reply.ledger.epoch
    (trace_id,) = {each.span.trace_id.hex() for each in collector.seen}
    assert {edge_line.__dict__["trace_id"], server_line.__dict__["trace_id"]} == {trace_id}
