"""The scheduler between real agents over gRPC: batches, refusals that the edge bears, calls, draining."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from grpc_health.v1 import health_pb2, health_pb2_grpc

from joulecut_core.figures import FigureKind
from joulecut_core.service_tables import ServiceTable, ServiceVariant
from joulecut_core.timing import SystemClock
from joulecut_edge import agent as edge_agent
from joulecut_planner.serving.service_file import save_service_table
from joulecut_proto.channels import open_channel
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.wires.codecs import codec
from joulecut_server import agent as server_agent
from joulecut_server.serving.options import ServingOptions
from tests.integration.site import WAIT_S, Application, Site, application, server_state
from tests.integration.talking import talk
from tests.integration.tiny_network import pictures, tiny_network

RAW = codec("raw")
TABLE = tiny_network().table


def run(test: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(test, 2 * WAIT_S))


def options(
    site: Site, *, policy: str = "fixed", slo_s: float = 10.0, reduced_loss: float | None = None
) -> ServingOptions:
    """Serving by a table of the site's server: 5 ms alone at the highest clock, little more for eight.

    `reduced_loss`: what a second variant, twice as fast, loses of accuracy; None for none.
    """
    device = open_device(site.device("t4"), clock=SystemClock())
    points = (device.clock_table.points[-20], device.clock_table.top)
    name = device.info.name
    device.close()
    blocks = tuple(block.name for block in TABLE.blocks)
    batches = (1, 2, 4, 8)
    times = tuple(tuple((4e-3 + 1e-4 * n, 2e-3 + 1e-4 * n) for _ in blocks) for n in batches)
    variant = ServiceVariant(
        name="fp32",
        accuracy=1.0,
        accuracy_of="made up",
        time_s=times,
        busy_w=tuple(tuple((40.0, 60.0) for _ in blocks) for _ in batches),
        figures=FigureKind.ESTIMATED,
    )
    variants = [variant]
    if reduced_loss is not None:
        faster = tuple(tuple(tuple(each / 2 for each in row) for row in batch) for batch in times)
        variants.append(replace(variant, name="bf16", accuracy=1.0 - reduced_loss, time_s=faster))
    table = ServiceTable(
        network=TABLE.network,
        device=name,
        power_scope="GPU board",
        units=blocks,
        points=points,
        batches=batches,
        idle_w=(20.0, 20.0),
        variants=tuple(variants),
    )
    save_service_table(table, site.own / "table.json")
    return ServingOptions(policy=policy, slo_s=slo_s, tables=(str(site.own / "table.json"),))


@asynccontextmanager
async def edges(
    site: Site, server: str, count: int, *, max_accuracy_losses: Sequence[float] = ()
) -> AsyncIterator[list[Application]]:
    """Applications on so many edges that offload to one server; the first of them accept these losses."""
    async with AsyncExitStack() as stack:
        apps = []
        for number in range(count):
            config = replace(site.edge(server), name=f"edge-{number}", listen=f"unix:{site.own}/edge-{number}.sock")
            if number < len(max_accuracy_losses):
                config = replace(config, max_accuracy_loss=max_accuracy_losses[number])
            address = await stack.enter_async_context(edge_agent.serving(config))
            app = await stack.enter_async_context(application(address))
            await app.offloading()
            apps.append(app)
        yield apps


def test_edges_share_batches(site: Site) -> None:
    """Requests of several edges at once: right answers, fewer runs than requests, ledgers with both energies."""

    async def test() -> None:
        config = replace(site.server(), serving=options(site))
        async with server_agent.serving(config) as server, edges(site, server, 4) as apps:
            many = pictures(6)
            answers = await asyncio.gather(
                *(app.infer(picture, f"r{k}") for k, picture in enumerate(many) for app in apps)
            )
            for (answer, reply), picture in zip(answers, (p for p in many for _ in apps), strict=True):
                assert torch.allclose(answer, tiny_network().whole((picture,))[0], atol=1e-5)
                assert (reply.ledger.served_by, reply.ledger.fallback) == ("server", False)
                assert reply.ledger.joules.server > 0.0
            assert len({reply.ledger.seconds.tail for _, reply in answers}) < len(answers)
            while not (await apps[0].infer(many[0]))[1].ledger.joules.server_wait:
                # Shared out once the meter has been read behind a batch, and shows that time has passed.
                pass

    run(test())


@pytest.mark.parametrize("policy", ["joulecut", "eali", "batching-only", "pit"])
def test_every_kind_of_policy_serves(site: Site, policy: str) -> None:
    """Policies of all makes run live as they are simulated: each request is answered, by the server."""

    async def test() -> None:
        config = replace(site.server(), serving=options(site, policy=policy, slo_s=0.4))
        async with server_agent.serving(config) as server, edges(site, server, 2) as apps:
            served = set()
            for picture in pictures(5):
                answers = await asyncio.gather(*(app.infer(picture) for app in apps))
                for edge, (answer, reply) in enumerate(answers):
                    assert torch.allclose(answer, tiny_network().whole((picture,))[0], atol=1e-5)
                    # A busy host may answer too late for an edge, which then answers by itself.
                    if not reply.ledger.fallback:
                        served.add(edge)
            assert served == {0, 1}
            assert (await server_state(server)).leased is not None

    run(test())


def test_an_edge_gets_no_precision_that_it_did_not_accept(site: Site) -> None:
    """One edge accepts the variant's loss, the other none: the same policy, each in its own precision, as told."""

    async def test() -> None:
        config = replace(site.server(), serving=options(site, policy="joulecut", reduced_loss=0.01))
        async with (
            server_agent.serving(config) as server,
            edges(site, server, 2, max_accuracy_losses=(0.02, 0.0)) as (lenient, strict),
        ):
            (picture,) = pictures(1)
            whole = tiny_network().whole((picture,))[0]
            reduced, reply = await lenient.infer(picture)
            assert (reply.ledger.fallback, reply.ledger.variant) == (False, "bf16")
            assert not torch.allclose(reduced, whole, atol=1e-5)
            assert torch.allclose(reduced, whole, atol=0.05)
            exact, reply = await strict.infer(picture)
            assert (reply.ledger.fallback, reply.ledger.variant) == (False, "")
            assert torch.allclose(exact, whole, atol=1e-5)

    run(test())


def test_a_refused_edge_answers_by_itself(site: Site) -> None:
    """Early refusal: the application gets the right answer from its own edge, and the ledger says why."""

    async def test() -> None:
        # Even alone and at the highest clock, a request takes ten times as long.
        config = replace(site.server(), serving=options(site, slo_s=5e-4))
        async with server_agent.serving(config) as server, edges(site, server, 1) as (app,):
            (picture,) = pictures(1)
            answer, reply = await app.infer(picture)
            assert torch.equal(answer, tiny_network().whole((picture,))[0])
            assert (reply.ledger.served_by, reply.ledger.fallback) == ("edge", True)
            assert (await app.status()).counters.fallbacks == 1

    run(test())


def test_refusals_say_when_to_come_back(site: Site) -> None:
    """A flood beyond an edge's places: each request is answered once, the surplus with a hint."""

    async def test() -> None:
        serving = replace(options(site), waiting_per_edge=4)
        async with server_agent.serving(replace(site.server(), serving=serving)) as server, talk(server) as (edge, _):
            for number in range(30):
                await edge.send(str(number))
            replies = [await edge.reply() for _ in range(30)]
            assert sorted(int(reply.header.request_id) for reply in replies) == list(range(30))
            refused = [reply.header for reply in replies if reply.header.status is not ReplyStatus.OK]
            assert refused
            assert {header.status for header in refused} == {ReplyStatus.OVERLOADED}
            assert all(header.retry_after_s > 0.0 for header in refused)

    run(test())


def test_urgent_requests_overtake(site: Site) -> None:
    """The request with the nearest deadline is answered before those that came earlier, priority before both."""

    async def test() -> None:
        serving = replace(options(site), tables=())
        async with server_agent.serving(replace(site.server(), serving=serving)) as server, talk(server) as (edge, _):
            for name, header in (
                # Keep the device busy until the others are there.
                *((f"first-{number}", {"budget_s": 5.0}) for number in range(6)),
                ("patient", {"budget_s": 9.5}),
                ("hurried", {"budget_s": 7.0}),
                ("important", {"budget_s": 9.5, "priority": 1}),
            ):
                await edge.send(name, **header)
            order = [(await edge.reply()).header.request_id for _ in range(9)]
            assert order.index("important") < order.index("hurried") < order.index("patient")

    run(test())


def test_calls_are_answered_while_the_device_works(site: Site) -> None:
    """Health, state and planning do not queue behind requests."""

    async def test() -> None:
        serving = replace(options(site), tables=())
        async with (
            server_agent.serving(replace(site.server(), serving=serving)) as server,
            talk(server) as (edge, agent),
        ):
            for number in range(12):
                await edge.send(str(number))
            first = await edge.reply()
            assert first.header.status is ReplyStatus.OK
            async with open_channel(server, security=None) as channel:
                health = await cast(Any, health_pb2_grpc.HealthStub(channel)).Check(health_pb2.HealthCheckRequest())
            state = await agent.state(timeout_s=WAIT_S)
            async with talk(server, "another") as (other, _):
                await other.send("late")
                late = asyncio.create_task(other.reply())
                rest = [asyncio.create_task(edge.reply())]
                assert not late.done()
                assert health.status == health_pb2.HealthCheckResponse.SERVING
                assert state.leased is not None
                for _ in range(10):
                    await rest[-1]
                    rest.append(asyncio.create_task(edge.reply()))
                await asyncio.gather(late, *rest)

    run(test())


def test_draining_answers_what_was_sent(site: Site) -> None:
    """A server that stops finishes what waits, refuses what comes, answers nothing twice and restores its clocks."""

    async def test() -> None:
        stack = AsyncExitStack()
        server = await stack.enter_async_context(
            server_agent.serving(replace(site.server(), serving=replace(options(site), tables=())))
        )
        async with talk(server) as (edge, _):
            for number in range(10):
                await edge.send(str(number))
            first = await edge.reply()
            stopping = asyncio.create_task(stack.aclose())
            replies = [first, *await edge.rest()]
            await stopping
        assert sorted(int(reply.header.request_id) for reply in replies) == sorted(
            {int(reply.header.request_id) for reply in replies}
        )
        assert {reply.header.status for reply in replies} <= {ReplyStatus.OK, ReplyStatus.DRAINING}
        # Those that it had not read yet end with the stream, and are the edge's again.
        assert sum(reply.header.status is ReplyStatus.OK for reply in replies) > 1

    run(test())
