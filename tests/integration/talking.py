"""One session's stream to a real server-agent, spoken by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment
from joulecut_core.problems import Objective, Slo
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient, PlannerClient
from joulecut_proto.inference_messages import Reply, RequestHeader
from joulecut_proto.planning_messages import SessionRequest
from joulecut_proto.streaming.streams import InferenceClientStream
from joulecut_runtime.wires.codecs import codec
from joulecut_runtime.wires.measurement import lossless_wires
from tests.integration.site import WAIT_S
from tests.integration.tiny_network import pictures, tiny_network
from tests.integration.tiny_profiles import edge_profile

RAW = codec("raw")
TABLE = tiny_network().table


class Talk:
    """One session's stream, spoken by hand."""

    def __init__(self, stream: InferenceClientStream, assignment: Assignment, session_id: str) -> None:
        self._stream = stream
        self._assignment = assignment
        self._session_id = session_id
        self._replies: AsyncIterator[Reply] = stream.replies()

    async def send(self, request_id: str, **header: float) -> None:
        """Send a picture."""
        assignment = self._assignment
        await self._stream.send(
            RequestHeader(
                session_id=self._session_id,
                request_id=request_id,
                epoch=assignment.epoch,
                network_digest=assignment.network_digest,
                cut=assignment.cut,
                codec=assignment.codec,
                variant=assignment.variant,
                **header,  # type: ignore[arg-type]  # a test's own words
            ),
            RAW.encode((pictures(1)[0],)),
        )

    async def reply(self) -> Reply:
        """The next reply."""
        return await anext(self._replies)

    async def rest(self) -> list[Reply]:
        """All replies until the server ends the stream."""
        return [reply async for reply in self._replies]


@asynccontextmanager
async def talk(server: str, session_id: str = "by-hand") -> AsyncIterator[tuple[Talk, AgentClient]]:
    """A session that sends whole pictures."""
    async with open_channel(server, security=None) as channel:
        planner = PlannerClient(channel, peer="server")
        request = SessionRequest(
            session_id=session_id,
            network_digest=TABLE.digest,
            edge=edge_profile(),
            wires=lossless_wires(TABLE),
            link=LinkEstimate(uplink_bps=1e9, downlink_bps=1e9, rtt_s=1e-4),
            slo=Slo(),
            objective=Objective(server_weight=0.0),
            max_accuracy_loss=0.0,
            policy="all-server",
        )
        reply = await planner.plan_session(request, timeout_s=WAIT_S)
        assert reply.assignment is not None
        await planner.activate(session_id, reply.assignment.epoch, timeout_s=WAIT_S)
        stream = InferenceClientStream(channel, peer="server", session_id=session_id)
        yield Talk(stream, reply.assignment, session_id), AgentClient(channel, peer="server")
        stream.cancel()
