"""Callers and parts that several tests of access use."""

from __future__ import annotations

from joulecut_core.links import LinkEstimate
from joulecut_core.problems import Objective, Slo
from joulecut_core.timing import ManualClock
from joulecut_core.wires import WireTable
from joulecut_proto.planning_messages import SessionRequest
from joulecut_proto.security.callers import Caller, Transport
from joulecut_proto.security.identity import Identity, Role
from joulecut_server.access.gate import AccessGate
from joulecut_server.access.options import AccessOptions, EdgeRule
from tests.proto.fake_services import PROFILE

TINY = "sha256:00"
OTHER = "sha256:01"
NAMES = {TINY: "tiny", OTHER: "other"}
REQUEST = SessionRequest(
    session_id="edge-1",
    network_digest=TINY,
    edge=PROFILE,
    wires=WireTable(network="tiny", network_digest=TINY, samples_from="nothing", reply_bytes=4, wires=()),
    link=LinkEstimate(uplink_bps=1e6, downlink_bps=1e6, rtt_s=0.01),
    slo=Slo(),
    objective=Objective(),
    max_accuracy_loss=0.0,
    policy="joint",
)


def caller(name: str = "cam", role: Role = Role.EDGE, *, site: str = "lab") -> Caller:
    """Somebody over TLS."""
    return Caller(identity=Identity(site=site, role=role, name=name), transport=Transport.TLS)


CAM = caller("cam")
TRUCK = caller("truck")
BOSS = caller("boss", Role.OPERATOR)
PLAIN = Caller(identity=None, transport=Transport.PLAIN)


def gate(*rules: EdgeRule, clock: ManualClock | None = None) -> AccessGate:
    """A server's guards; without rules, without an `[access]` table."""
    options = AccessOptions(edges=rules) if rules else None
    return AccessGate(clock or ManualClock(), NAMES.get, options=options, secured=True, site="lab")
