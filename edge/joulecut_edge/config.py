"""What an edge-agent is told at its start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from joulecut_core.agent_names import check_agent_name
from joulecut_core.compute_threads import check_compute_threads
from joulecut_core.configuration_keys import of_key
from joulecut_core.decoding import show
from joulecut_core.emulation_rules import check_emulation
from joulecut_core.errors import ConfigError, ProblemError
from joulecut_core.logs import LogFormat
from joulecut_core.problem_rules import check_objective, check_slo
from joulecut_core.problems import Objective, Slo
from joulecut_edge.peers.servers import parse_servers
from joulecut_edge.plan_words import check_plan_words
from joulecut_proto.addresses import check_apart, parse_address
from joulecut_proto.inference_messages import HIGHEST_PRIORITY
from joulecut_proto.security.tls_options import EdgeTls
from joulecut_proto.tracing.options import TracesOptions
from joulecut_proto.usual_address import EDGE_ADDRESS
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.metrics.options import MetricsOptions
from joulecut_runtime.networks.bundle_signature import SignerOptions

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """What the radio draws on top of waiting while it sends or receives; 0 where the device's meter contains it."""

    uplink_w: float = 0.0
    downlink_w: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningOptions:
    """How this edge's plans are made.

    `tail`: how quantiles are taken from single runs: gaussian, cantelli, empirical or pareto; empty for means and
    standard deviations. `refit`: plan again, with corrected tables, once measured times have left the plan's for good.
    `follow_link`: have plans for other uplinks at hand, and change between them as the link does.
    """

    tail: str = ""
    refit: bool = False
    follow_link: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """Options of `edge-agent`: the keys of its TOML file, and its flags with dashes for underscores.

    `server`: "host:port", "unix:/path", "dns:host:port" (every address of that name) or "file:/path" (a pool's
    list), several with commas between them, the most wanted first; with `spread` they are equals, as are those of
    one name or list: another edge prefers another one. Empty to find one over zeroconf. `renew_s`: age, in wall
    seconds, at which a connection to a server is replaced by a fresh one. `bundle`: folder of the packed network;
    where it is missing it is fetched from the server by `digest` and kept there. `listen`: where applications reach
    this agent (a Unix socket by default). `wires`: the table of measured wire codecs; without it only lossless
    wires are offered. `insecure`: plain text with other hosts too; without it, and without `tls`, only servers of
    this host are used. `hardware`: how a real device is opened; `planning`: how plans are made; `tls`:
    certificates; `signed_by`: who must have signed the bundle (without it, nobody); `metrics`: where they are read;
    `traces`: where spans of requests go; tables of the file, without flags. `priority`: of this edge's requests in a
    server's line; the server's rules may cap it. `log_format`: text or json.
    """

    device: str
    bundle: str
    digest: str = ""
    server: str = ""
    spread: bool = False
    listen: str = EDGE_ADDRESS
    name: str = "edge"
    policy: str = "joint"
    profiles: str = ""
    shipped_profiles: tuple[str, ...] = ()
    wires: str = ""
    slowdown: float = 1.0
    seed: int = 0
    threads: int = 1
    discover: bool = True
    renew_s: float = 1200.0
    insecure: bool = False
    ready_file: str = ""
    log_format: LogFormat = LogFormat.TEXT
    max_accuracy_loss: float = 0.0
    priority: int = 0
    slo: Slo = field(default_factory=Slo)
    objective: Objective = field(default_factory=Objective)
    radio: Radio = field(default_factory=Radio)
    hardware: DeviceOptions = field(default_factory=DeviceOptions)
    planning: PlanningOptions = field(default_factory=PlanningOptions)
    metrics: MetricsOptions = field(default_factory=MetricsOptions)
    traces: TracesOptions = field(default_factory=TracesOptions)
    signed_by: SignerOptions | None = None
    tls: EdgeTls | None = None

    def __post_init__(self) -> None:
        check_agent_name(self.name)
        if self.tls is not None and self.insecure:
            raise ConfigError("insecure: true beside [tls]; leave out one of them")
        check_compute_threads(self.threads)
        check_emulation(self.device, slowdown=self.slowdown, seed=self.seed)
        with of_key("listen"):
            parse_address(self.listen)
        check_apart({"listen": self.listen, "metrics.listen": self.metrics.listen})
        check_plan_words(policy=self.policy, tail=self.planning.tail)
        if self.digest and not _DIGEST.fullmatch(self.digest):
            raise ConfigError(
                f"digest: {show(self.digest)}; expected sha256: and 64 hexadecimal digits, as of a bundle"
            )
        parse_servers(self.server)
        try:
            check_slo(self.slo)
            check_objective(self.objective)
        except ProblemError as error:
            # Otherwise only the first plan would, behind minutes of measuring.
            raise ConfigError(str(error)) from error
        if not 0.0 <= self.max_accuracy_loss <= 1.0:
            raise ConfigError(f"max_accuracy_loss: {self.max_accuracy_loss}; expected 0 to 1")
        if not 0 <= self.priority <= HIGHEST_PRIORITY:
            raise ConfigError(f"priority: {self.priority}; expected 0 to {HIGHEST_PRIORITY}")
        for name, draw_w in (("uplink_w", self.radio.uplink_w), ("downlink_w", self.radio.downlink_w)):
            if draw_w < 0:
                raise ConfigError(f"radio.{name}: {draw_w}; expected 0 or more")
        if self.renew_s < 1.0:
            raise ConfigError(f"renew_s: {self.renew_s}; expected at least 1 second")
        if not self.server and not self.discover:
            raise ConfigError("server: empty while discover is false; expected host:port of a server-agent")
