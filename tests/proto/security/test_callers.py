"""Who calls: by certificate, by a pinned proxy's word, and never by a header that anybody could write."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from joulecut_core.errors import AccessError, JoulecutError
from joulecut_proto.channels import bind, make_server, open_channel
from joulecut_proto.clients import AgentClient, PlannerClient
from joulecut_proto.security.callers import Caller, Callers, Transport
from joulecut_proto.security.guards import Guards
from joulecut_proto.security.identity import Identity, Role
from joulecut_proto.servicers import add_agent, add_planner
from joulecut_proto.services import AgentService, InferenceService, PlannerService, SolverService
from joulecut_proto.v1 import agent_pb2, agent_pb2_grpc
from tests.fakes.certificates import Holder, TestAuthority
from tests.proto.fake_services import PROBLEM, FakeAgent, FakePlanner, FakeSolver
from tests.proto.serving import TIMEOUT_S, listening

FRONT = Identity(site="lab", role=Role.PROXY, name="front")
CAM = Identity(site="lab", role=Role.EDGE, name="cam")
FORWARDED = "x-forwarded-client-cert"
BY_FRONT = "By=x;URI=spiffe://lab/edge/cam"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """One authority for all."""
    return TestAuthority(tmp_path_factory.mktemp("site"))


def _guards(seen: list[Caller], *, secured: bool = True) -> Guards:
    """Guards that let everybody pass, and remember who it was."""

    def agent(service: AgentService, caller: Caller) -> AgentService:
        seen.append(caller)
        return service

    def planner(service: PlannerService, caller: Caller) -> PlannerService:
        raise AssertionError((service, caller))

    def solver(service: SolverService, caller: Caller) -> SolverService:
        raise AssertionError((service, caller))

    def inference(service: InferenceService, caller: Caller) -> InferenceService:
        raise AssertionError((service, caller))

    callers = Callers(secured=secured, proxies=(FRONT,))
    return Guards(callers=callers, agent=agent, planner=planner, solver=solver, inference=inference)


async def _asked(
    site: TestAuthority, client: Holder | None, metadata: tuple[tuple[str, str], ...] = (), calls: int = 1
) -> list[Caller]:
    """The callers that the guards saw; raises what the call ended with."""
    seen: list[Caller] = []
    server = make_server(secured=False)
    add_agent(server, FakeAgent(), _guards(seen, secured=client is not None))
    port = bind(server, "127.0.0.1:0", None if client is None else site.issue("server", "gpu").security)
    await server.start()
    try:
        async with open_channel(f"localhost:{port}", None if client is None else client.security) as channel:
            get_state = cast(Any, agent_pb2_grpc.AgentStub)(channel).GetState
            for _ in range(calls):
                await get_state(agent_pb2.GetStateRequest(), metadata=metadata, timeout=TIMEOUT_S)
    finally:
        await server.stop(None)
    # Guards are asked before a request is taken in, and for its answer.
    return seen[::2]


async def _refused(site: TestAuthority, client: Holder, metadata: tuple[tuple[str, str], ...] = ()) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _asked(site, client, metadata)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    return caught.value.details() or ""


def test_a_certificate_says_who_calls(site: TestAuthority) -> None:
    """The identity that rules are written for."""
    assert asyncio.run(_asked(site, site.issue("edge", "cam"))) == [Caller(identity=CAM, transport=Transport.TLS)]


def test_problems_are_solved_for_identities(site: TestAuthority) -> None:
    """Each gets its share of the solver's time, however many connections it has."""
    solver = FakeSolver()
    guards = replace(_guards([]), planner=lambda service, _: service, solver=lambda service, _: service)

    async def talk() -> None:
        security = site.issue("server", "gpu").security
        async with listening(
            lambda server: add_planner(server, FakePlanner(), solver, guards), security=security
        ) as to:
            for name in ("cam", "cam", "truck"):
                async with open_channel(to, site.issue("edge", name).security) as channel:
                    await PlannerClient(channel, peer="gpu").plan(PROBLEM, timeout_s=TIMEOUT_S)

    asyncio.run(talk())
    assert solver.callers == [CAM, CAM, replace(CAM, name="truck")]


def test_plain_callers_are_nobody_in_particular(site: TestAuthority, caplog: pytest.LogCaptureFixture) -> None:
    """On this host there are no identities, and a header makes none."""
    [caller] = asyncio.run(_asked(site, None, ((FORWARDED, BY_FRONT),)))
    assert caller == Caller(identity=None, transport=Transport.PLAIN)
    assert "is not a proxy of this server" in caplog.text


@pytest.mark.parametrize(
    ("uris", "complaint"),
    [
        ((), "has 0 URI names"),
        (("spiffe://lab/edge/a", "spiffe://lab/operator/b"), "has 2 URI names"),
        (("https://lab.example/edge/a",), "is no identity"),
        (("spiffe://lab/root/a",), "expected one of server, edge"),
    ],
)
def test_a_certificate_without_one_identity_is_refused(
    site: TestAuthority, uris: tuple[str, ...], complaint: str
) -> None:
    """The authority signed it, and yet it says not who it is; the status and the text say which."""
    assert complaint in asyncio.run(_refused(site, site.issue("edge", "odd", uris=uris)))


def test_a_certificate_that_does_not_say_for_what_is_refused(site: TestAuthority) -> None:
    """TLS takes one without an extended key usage for anything; whoever has it signed for mail is no caller here."""
    holder = site.issue("edge", "cam", usages=(), file="any use")
    assert "of spiffe://lab/edge/cam has no extended key usage clientAuth" in asyncio.run(_refused(site, holder))


def test_a_name_does_not_end_where_grpc_ends_it(site: TestAuthority) -> None:
    """gRPC gives names out up to a NUL: whoever has one signed with more behind it is not the one before it."""
    holder = site.issue("edge", "sly", uris=("spiffe://lab/edge/cam\0.sly",))
    assert "is no identity" in asyncio.run(_refused(site, holder))


class _Resumed:
    """A call of a TLS session that was begun while its certificate was valid, as gRPC tells of it."""

    def __init__(self, certificate: Path) -> None:
        self._pem = certificate.read_bytes()

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_pem_cert": [self._pem], "peer_uri": [b"spiffe://lab/edge/cam"]}


@pytest.mark.parametrize(("from_days", "to_days", "complaint"), [(-2, -1, "has expired"), (1, 2, "is valid from")])
def test_a_resumed_session_does_not_outlive_its_certificate(
    site: TestAuthority, from_days: float, to_days: float, complaint: str
) -> None:
    """No handshake looks at its dates again, so each call does."""
    ended = site.issue("edge", "cam", from_days=from_days, to_days=to_days, file="ended")
    with pytest.raises(AccessError, match=complaint):
        Callers(secured=True).of(cast(Any, _Resumed(ended.certificate)))


def test_what_is_no_certificate_is_nobody(tmp_path: Path) -> None:
    """A connection that shows none, or one that cannot be read, has no identity."""
    for content in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        (tmp_path / "odd.pem").write_bytes(content)
        with pytest.raises(AccessError, match="cannot be read"):
            Callers(secured=True).of(cast(Any, _Resumed(tmp_path / "odd.pem")))


def test_other_kinds_of_names_are_no_identity(site: TestAuthority) -> None:
    """gRPC's list of all names does not tell a host called so from a URI."""
    holder = site.issue("edge", "sly", uris=(), hosts=("localhost", "spiffe://lab/operator/boss"))
    assert "has 0 URI names" in asyncio.run(_refused(site, holder))


def test_a_pinned_proxy_is_believed(site: TestAuthority) -> None:
    """Behind a proxy that ends TLS, edges keep their identities."""
    [caller] = asyncio.run(_asked(site, site.issue("proxy", "front"), ((FORWARDED, BY_FRONT),)))
    assert caller == Caller(identity=CAM, transport=Transport.PROXIED)


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ((), "sent 0 headers"),
        (((FORWARDED, BY_FRONT), (FORWARDED, BY_FRONT)), "sent 2 headers"),
        (((FORWARDED, "By=x;Hash=1"),), "has 0 URI names"),
        (((FORWARDED, "URI=spiffe://lab/proxy/other"),), "another proxy"),
        (((FORWARDED, "nonsense"),), "malformed at character 0"),
    ],
)
def test_a_proxy_that_does_not_say_who_it_is_for(
    site: TestAuthority, metadata: tuple[tuple[str, str], ...], complaint: str
) -> None:
    """Its caller would otherwise act as the proxy itself."""
    assert complaint in asyncio.run(_refused(site, site.issue("proxy", "front"), metadata))


def test_other_proxies_are_not_believed(site: TestAuthority) -> None:
    """A certificate of that role is not enough: a server names its proxies."""
    metadata = ((FORWARDED, BY_FRONT),)
    assert "not among the proxies" in asyncio.run(_refused(site, site.issue("proxy", "other"), metadata))


def test_an_edge_cannot_speak_for_another(site: TestAuthority, caplog: pytest.LogCaptureFixture) -> None:
    """From anybody but a pinned proxy the header is ignored, which the log says once for each."""
    caplog.set_level(logging.WARNING)
    metadata = ((FORWARDED, "URI=spiffe://lab/operator/boss"),)
    callers = asyncio.run(_asked(site, site.issue("edge", "cam"), metadata, calls=3))
    assert callers == [Caller(identity=CAM, transport=Transport.TLS)] * 3
    assert caplog.text.count("ignored: spiffe://lab/edge/cam is not a proxy") == 1


def test_a_refusal_is_itself_at_the_caller(site: TestAuthority, caplog: pytest.LogCaptureFixture) -> None:
    """An edge learns that it is refused, not that a server is down; the server's log has it once, however often."""

    async def run() -> None:
        server = make_server(secured=False)
        add_agent(server, FakeAgent(), _guards([]))
        port = bind(server, "127.0.0.1:0", site.issue("server", "gpu").security)
        await server.start()
        nobody = site.issue("edge", "odd", uris=("spiffe://lab/edge/log", "spiffe://lab/edge/once"))
        try:
            async with open_channel(f"localhost:{port}", nobody.security) as channel:
                await AgentClient(channel, peer="server gpu").state(timeout_s=TIMEOUT_S)
        finally:
            await server.stop(None)

    caplog.set_level(logging.WARNING)
    for _ in range(3):
        with pytest.raises(JoulecutError, match=r"server gpu: the certificate has 2 URI names") as caught:
            asyncio.run(run())
        assert type(caught.value) is AccessError
    assert caplog.text.count("Agent.GetState refused: AccessError: the certificate has 2 URI names") == 1
