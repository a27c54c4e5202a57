"""Both agents over real gRPC: the unsplit network's answers under every policy and codec, epochs, clocks, energy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from joulecut_core.energy import window_between
from joulecut_core.errors import ContractError
from joulecut_core.figures import FigureKind
from joulecut_core.problems import Slo
from joulecut_edge import agent as edge_agent
from joulecut_edge.config import EdgeConfig
from joulecut_planner import Policy
from joulecut_proto.local_messages import ReplanRequest
from joulecut_server import agent as server_agent
from joulecut_server.config import ServerConfig
from tests.integration.site import WAIT_S, Application, Site, application, server_state
from tests.integration.tiny_network import pictures, tiny_network

PICTURES = pictures(3, seed=9)
LAST = tiny_network().table.last

Use = Callable[[Application, str], Awaitable[None]]


def expected(picture: Tensor) -> Tensor:
    """What the unsplit network answers."""
    return tiny_network().whole((picture,))[0]


def with_pair(
    site: Site,
    use: Use,
    *,
    edge: Callable[[EdgeConfig], EdgeConfig] = lambda config: config,
    server: Callable[[ServerConfig], ServerConfig] = lambda config: config,
) -> None:
    """Run `use` against both agents, once the edge offloads."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            server_address = await stack.enter_async_context(server_agent.serving(server(site.server())))
            address = await stack.enter_async_context(edge_agent.serving(edge(site.edge(server_address))))
            app = await stack.enter_async_context(application(address))
            await app.offloading()
            await use(app, server_address)

    asyncio.run(asyncio.wait_for(run(), WAIT_S))


def test_every_policy_gives_the_networks_answers(site: Site) -> None:
    """Whatever a policy decides, answers keep their class, epochs rise, and the server holds the clock of its plan."""

    async def use(app: Application, server_address: str) -> None:
        epoch = 1
        for policy in Policy:
            reply = await app.replan(ReplanRequest(policy=policy.value))
            assignment = reply.assignment
            assert assignment is not None
            assert (assignment.policy, assignment.epoch) == (policy.value, epoch + 1)
            epoch = assignment.epoch
            assert (await app.status()).assignment == assignment
            assert (await server_state(server_address)).leased == assignment.server_clock
            for picture in PICTURES:
                answer, inferred = await app.infer(picture)
                assert answer.argmax() == expected(picture).argmax()
                assert inferred.ledger.epoch == epoch
                assert inferred.ledger.served_by == {0: "server", LAST: "edge"}.get(assignment.cut, "split")
        counters = (await app.status()).counters
        assert counters.requests == counters.split + counters.local == len(PICTURES) * len(Policy)
        assert counters.fallbacks == 0

    # A profile of its own: only one that was made for a rate knows what the governor costs.
    profiles = str(site.own / "profiles")
    with_pair(site, use, edge=lambda config: replace(config, profiles=profiles, slo=Slo(rate_hz=10.0)))


@pytest.mark.parametrize(
    ("cut", "wire"),
    [(0, "raw"), (0, "jpeg98"), (1, "raw"), (1, "affine8"), (2, "raw"), (2, "fp16"), (2, "affine8c"), (3, "raw")],
)
def test_every_cut_and_codec_gives_the_networks_answers(site: Site, cut: int, wire: str) -> None:
    """A true split over the wire: to the bit where the codec is lossless, the same class where it is half precision."""

    async def use(app: Application, server_address: str) -> None:
        del server_address
        for picture in PICTURES:
            answer, reply = await app.infer(picture)
            ledger = reply.ledger
            assert (ledger.cut, ledger.codec, ledger.fallback) == (cut, wire, False)
            if wire == "raw":
                assert torch.equal(answer, expected(picture))
            if wire == "fp16":
                assert answer.argmax() == expected(picture).argmax()
            assert torch.allclose(answer, expected(picture), atol=0.1)
            assert ledger.joules.server > 0
            assert ledger.figures is FigureKind.EMULATED

    with_pair(site, use, edge=lambda config: replace(config, policy="energy-cut", wires=site.wires_at(cut, wire)))


def test_many_requests_at_once(site: Site) -> None:
    """Requests in parallel, with ids that repeat, each get their own answer."""

    async def use(app: Application, server_address: str) -> None:
        del server_address
        many = pictures(24, seed=3)
        answers = await asyncio.gather(*(app.infer(picture, f"r{k % 5}") for k, picture in enumerate(many)))
        for picture, (answer, reply) in zip(many, answers, strict=True):
            assert torch.equal(answer, expected(picture))
            assert not reply.ledger.fallback
        assert (await app.status()).counters.split == 24

    with_pair(site, use, edge=lambda config: replace(config, policy="energy-cut", wires=site.wires_at(2, "raw")))


def test_a_preview_changes_nothing(site: Site) -> None:
    """Asking for a plan leaves epoch, clocks and wishes as they are."""

    async def use(app: Application, server_address: str) -> None:
        before, held = await app.status(), (await server_state(server_address)).leased
        preview = await app.replan(ReplanRequest(policy="all-edge", preview=True))
        assert (preview.assignment, preview.plan.cut) == (None, LAST)
        after = await app.status()
        assert after.assignment == before.assignment
        assert (await server_state(server_address)).leased == held
        assert (await app.replan(ReplanRequest())).assignment is not None
        assert (await app.infer(PICTURES[0]))[1].ledger.cut == 0, "the previewed policy must not have stayed"

    with_pair(site, use)


def test_wrong_requests_are_refused_and_leave_no_trace(site: Site) -> None:
    """A wrong shape or policy comes back as its own error; the agent goes on as before."""

    async def use(app: Application, server_address: str) -> None:
        del server_address
        with pytest.raises(ContractError, match=r"tensor 0 is uint8\[1, 3, 31, 32\]; expected uint8\[1, 3, 32, 32\]"):
            await app.infer(PICTURES[0][:, :, 1:])
        with pytest.raises(ContractError, match=r"a request of \d+ bytes; expected at most 1054720"):
            await app.infer(torch.zeros(1, 3, 1024, 1024, dtype=torch.uint8))
        with pytest.raises(ContractError, match=r"policy: 'best'; expected one of all-edge, .*joint"):
            await app.replan(ReplanRequest(policy="best"))
        status = await app.status()
        assert status.counters.requests == 0
        assert status.assignment is not None
        assert status.assignment.policy == "all-server"
        assert torch.equal((await app.infer(PICTURES[0]))[0], expected(PICTURES[0]))

    with_pair(site, use)


def test_status_tells_what_runs(site: Site) -> None:
    """Network, both devices, link and plan: what `joulecut` tools show."""

    async def use(app: Application, server_address: str) -> None:
        del server_address
        status = await app.status()
        assert (status.network, status.network_digest) == ("tiny", site.digest)
        assert (status.inputs, status.outputs) == (tiny_network().table.inputs, tiny_network().table.outputs)
        assert status.server_connected
        assert status.device_info.name == "slow-orin-nano-super"
        assert status.server_info is not None
        assert status.server_info.name == "slow-t4"
        assert status.link is not None
        assert 0 < status.link.rtt_s < 1.0
        assert status.plan is not None
        assert status.plan.cut == 0

    with_pair(site, use)


def test_ledgers_sum_to_the_devices_meter(site: Site) -> None:
    """Busy, encoding and waiting joules of a paced run make what the board's meter counted, within 2 %.

    The meter's noise is drawn per execution (0.5 % of each), waiting is priced at the profile's fitted draw
    (within 1 %), and a request that starts a little late shifts its waiting by as much.
    """
    rate_hz, requests = 10.0, 20

    async def use(app: Application, server_address: str) -> None:
        del server_address
        loop = asyncio.get_running_loop()
        first = await app.meter()
        began_s = loop.time()
        energy_j, busy_s, wait_j = 0.0, 0.0, 0.0
        for number in range(requests):
            await asyncio.sleep(began_s + number / rate_hz - loop.time())
            ledger = (await app.infer(PICTURES[0]))[1].ledger
            assert not ledger.fallback
            energy_j += ledger.joules.edge_busy + ledger.joules.encode
            busy_s += ledger.seconds.head + ledger.seconds.encode
            wait_j += ledger.joules.edge_wait
        await asyncio.sleep(began_s + requests / rate_hz - loop.time())
        window = window_between(first, await app.meter())
        # The window ends with a tick of the meter, a little after the last period.
        wait_w = wait_j / (requests / rate_hz - busy_s)
        slack_s = window.duration_s - requests / rate_hz
        assert slack_s >= 0.0
        assert energy_j + wait_j + wait_w * slack_s == pytest.approx(window.energy_j, rel=0.02)
        assert energy_j > 0.1 * window.energy_j, "computing must weigh enough for the sum to mean something"

    with_pair(
        site,
        use,
        edge=lambda config: replace(
            config, policy="energy-cut", wires=site.wires_at(2, "raw"), slo=Slo(rate_hz=rate_hz)
        ),
    )
