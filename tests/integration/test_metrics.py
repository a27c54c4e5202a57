"""Both agents' metrics as Prometheus reads them, over HTTP, beside what the agents say themselves."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from joulecut_core.errors import ContractError, LinkError
from joulecut_edge import agent as edge_agent
from joulecut_edge.config import PlanningOptions
from joulecut_proto.local_messages import InferReply, LocalStatus
from joulecut_runtime.metrics.options import MetricsOptions
from joulecut_server import agent as server_agent
from joulecut_server.rule_changes import ConfigSource
from tests.architecture.metrics_page import reference
from tests.architecture.tree import ROOT
from tests.integration.site import WAIT_S, Site, application
from tests.integration.tiny_network import pictures

METRICS = MetricsOptions(listen="127.0.0.1:0")
PICTURE = pictures(1)[0]
REQUESTS = 4
NOT_HERE = {
    "joulecut_uplink_bytes_per_second",  # once an edge holds plans for other uplinks
    "joulecut_plan_deadline_seconds",  # where a plan has one
    "joulecut_plan_rate_hertz",  # where a plan was made for one
    "joulecut_certificate_expiry_timestamp_seconds",  # with TLS
    "joulecut_certificate_unusable",  # likewise
    "joulecut_spans_total",  # with traces
}
"""What agents tell under other configurations than this one."""
OUTCOMES = ("offloaded", "local", "fallback", "rejected", "abandoned")

Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped(url: str) -> dict[Sample, float]:
    """Every sample at an endpoint, by name and labels."""
    with urllib.request.urlopen(url, timeout=WAIT_S) as reply:  # noqa: S310 - the agents' own address
        text = reply.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def named(name: str, **labels: str) -> Sample:
    """One sample's name and labels."""
    return name, frozenset(labels.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """What both endpoints and the application saw."""

    edge: dict[Sample, float]
    server: dict[Sample, float]
    replies: list[InferReply]
    status: LocalStatus
    urls: list[str]


@pytest.fixture(name="scrape")
def _scrape(site: Site, caplog: pytest.LogCaptureFixture) -> Scrape:
    """Some requests offloaded, one of another shape refused, both endpoints read."""

    async def run() -> Scrape:
        async with AsyncExitStack() as stack:
            server = replace(site.server(), metrics=METRICS)
            source = ConfigSource.of(site.own / "server.toml", lambda: server)
            address = await stack.enter_async_context(server_agent.serving(server, source=source))
            edge = replace(site.edge(address), metrics=METRICS, planning=PlanningOptions(follow_link=True))
            app = await stack.enter_async_context(
                application(await stack.enter_async_context(edge_agent.serving(edge)))
            )
            await app.offloading()
            replies = [(await app.infer(PICTURE))[1] for _ in range(REQUESTS)]
            with pytest.raises(ContractError):
                await app.infer(PICTURE[:, :, :5])
            urls = [line for each in caplog.messages for line in re.findall(r"http://127\.0\.0\.1:\d+/metrics", each)]
            server_samples, edge_samples = [await asyncio.to_thread(scraped, url) for url in urls]
            status = await app.status()
        return Scrape(edge=edge_samples, server=server_samples, replies=replies, status=status, urls=urls)

    with caplog.at_level(logging.INFO):
        return asyncio.run(asyncio.wait_for(run(), WAIT_S))


def test_what_the_edge_tells(scrape: Scrape) -> None:
    """Requests by outcome, their seconds and joules, plan, link and drift: the same as in ledgers and status."""
    told, status = scrape.edge, scrape.status
    outcomes = {outcome: told[named("joulecut_requests_total", outcome=outcome)] for outcome in OUTCOMES}
    assert outcomes == {"offloaded": REQUESTS, "local": 0, "fallback": 0, "rejected": 1, "abandoned": 0}
    totals_s = sum(reply.ledger.seconds.total for reply in scrape.replies)
    assert told[named("joulecut_request_seconds_count")] == REQUESTS
    assert told[named("joulecut_request_seconds_sum")] == pytest.approx(totals_s)
    scope = status.device_info.power_scope
    for share, where in (("encode", scope), ("edge_wait", scope), ("radio", "radio"), ("server", server_scope(status))):
        joules = sum(getattr(reply.ledger.joules, share) for reply in scrape.replies)
        sample = named("joulecut_energy_joules_total", part=share, figures="emulated", scope=where)
        assert told[sample] == pytest.approx(joules)
    assert status.assignment is not None
    assert status.link is not None
    assert told[named("joulecut_plan_epoch")] == status.assignment.epoch
    assert told[named("joulecut_plan_cut")] == status.assignment.cut
    assert told[named("joulecut_plans_total")] == 1
    plan = status.plan
    assert plan is not None
    for side, energy_j in (("edge", plan.edge_energy_j), ("server", plan.server_energy_j)):
        assert told[named("joulecut_plan_energy_joules", side=side)] == pytest.approx(energy_j)
    tails_s = sum(reply.ledger.seconds.tail for reply in scrape.replies)
    assert told[named("joulecut_stage_seconds_sum", stage="tail")] == pytest.approx(tails_s)
    assert told[named("joulecut_stage_seconds_count", stage="encode")] == REQUESTS
    assert told[named("joulecut_server_connected")] == 1
    figures = status.link.figures.value
    up = named("joulecut_link_bytes_per_second", direction="up", figures=figures)
    assert told[up] == pytest.approx(status.link.uplink_bps / 8)
    assert told[named("joulecut_link_round_trip_seconds", figures=figures)] == pytest.approx(status.link.rtt_s)
    for cause in ("throttled", "model_error", "link", "recovered"):
        assert told[named("joulecut_drift_alarms_total", cause=cause)] == 0
    assert told[named("joulecut_drift_ratio", part="link")] > 0


def test_what_the_server_tells(scrape: Scrape) -> None:
    """Replies by how they ended, joules that the edges were told of, plans and sessions."""
    told = scrape.server
    assert told[named("joulecut_requests_total", outcome="ok")] == REQUESTS
    assert told[named("joulecut_requests_total", outcome="stale")] == 0
    joules = sum(reply.ledger.joules.server for reply in scrape.replies)
    scope = server_scope(scrape.status)
    sample = named("joulecut_energy_joules_total", part="server_busy", figures="emulated", scope=scope)
    assert told[sample] == pytest.approx(joules)
    assert told[named("joulecut_request_seconds_count")] == REQUESTS
    assert (told[named("joulecut_plans_total")], told[named("joulecut_sessions")]) == (1, 1)
    assert told[named("joulecut_plan_epoch")] == 1


def test_both_tell_of_their_devices(scrape: Scrape) -> None:
    """Clocks in hertz, asked for and achieved, and watts and joules with their scope and how they were obtained."""
    assignment, info = scrape.status.assignment, scrape.status.device_info
    assert assignment is not None
    assert assignment.edge_clock is not None
    assert assignment.server_clock is not None
    for told, point in ((scrape.edge, assignment.edge_clock), (scrape.server, assignment.server_clock)):
        for kind in ("requested", "achieved"):
            assert told[named("joulecut_core_clock_hertz", kind=kind)] == pytest.approx(1e6 * point.core_mhz)
        assert told[named("joulecut_device_throttled", reason="thermal")] == 0
        assert told[named("joulecut_device_throttled_seconds_total", reason="thermal")] == 0
        assert told[named("joulecut_clock_leases_total", event="taken")] >= 1
        assert told[named("joulecut_clock_leases_total", event="lost")] == 0
        assert (told[named("joulecut_clock_lease_wanted")], told[named("joulecut_clock_lease_held")]) == (1, 1)
    for name in ("joulecut_device_power_watts", "joulecut_device_energy_joules_total"):
        assert scrape.edge[named(name, figures="emulated", scope=info.power_scope)] > 0


def test_the_reference_lists_every_metric(scrape: Scrape) -> None:
    """Whoever builds a dashboard from the page finds each series there, and on the page none that is not told."""
    page = (ROOT / "docs" / "reference-metrics.md").read_text(encoding="utf-8")
    endings = re.compile(r"_(bucket|count|sum)$")
    names = {name for name, _ in (*scrape.edge, *scrape.server) if not name.endswith("_created")}
    told = {endings.sub("", name) for name in names}
    assert told | NOT_HERE == set(re.findall(r"`(joulecut_\w+)`", page))


def test_the_reference_lists_every_label(scrape: Scrape) -> None:
    """A query by a label that the page names selects something; none is told that the page does not name."""
    known = reference()
    endings = re.compile(r"_(bucket|count|sum|created)$")
    told: dict[str, set[str]] = {}
    for name, labels in (*scrape.edge, *scrape.server):
        plain = name if name in known else endings.sub("", name)
        told.setdefault(plain, set()).update(label for label, _ in labels if label != "le")
    listed = {name: labels for name, (_, labels) in known.items() if name not in NOT_HERE}
    assert {name: labels for name, labels in told.items() if name in known} == listed


def test_nobody_answers_afterwards(scrape: Scrape) -> None:
    """An agent that has stopped leaves no endpoint behind."""
    for url in scrape.urls:
        with pytest.raises(urllib.error.URLError):
            scraped(url)


def test_a_place_that_is_taken_is_told(site: Site) -> None:
    """The message names the option, the place and the remedy; nothing is served without the metrics asked for."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        server = replace(site.server(), metrics=MetricsOptions(listen=listen))

        async def run() -> None:
            async with server_agent.serving(server):
                raise AssertionError

        with pytest.raises(LinkError, match=rf"metrics\.listen: {listen}: Address already in use; .* or port 0"):
            asyncio.run(asyncio.wait_for(run(), WAIT_S))


def server_scope(status: LocalStatus) -> str:
    """What the server's watts contain."""
    assert status.server_info is not None
    return status.server_info.power_scope
