"""What a server-agent is told at its start."""

from __future__ import annotations

from dataclasses import dataclass, field

from joulecut_core.agent_names import check_agent_name
from joulecut_core.compute_threads import check_compute_threads
from joulecut_core.configuration_keys import of_key
from joulecut_core.emulation_rules import check_emulation
from joulecut_core.errors import ConfigError
from joulecut_core.logs import LogFormat
from joulecut_proto.addresses import check_apart, parse_address
from joulecut_proto.security.tls_options import ServerTls
from joulecut_proto.tracing.options import TracesOptions
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.metrics.options import MetricsOptions
from joulecut_runtime.networks.bundle_signature import SignerOptions
from joulecut_server.access.options import AccessOptions
from joulecut_server.dashboard.options import DashboardOptions
from joulecut_server.limits import Limits
from joulecut_server.planning.limits import PlanningLimits
from joulecut_server.serving.options import ServingOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Options of `server-agent`: the keys of its TOML file, and its flags with dashes for underscores.

    `bundles`: folders of packed networks. `planning_only`: serve none, and edges neither: only solve the problems of
    whoever asks. `profiles`: where profiles are kept (empty: the user's
    cache). `shipped_profiles`: further folders that are only read. `slowdown`: emulated devices
    only, how many wall seconds one emulated second lasts. `state`: where plan epochs are counted.
    `insecure`: plain text with other hosts too; without it, and without `tls`, only addresses of this host are
    served. `health_listen`: a further address, in plain text, where only health is told. `reflection`: whether callers
    may list the services; left out, only those of this host.
    `planning`: what planning requests may ask of this server; `limits`: what it bears of its edges; `hardware`: how a
    real device is opened; `serving`: who decides what runs next (without it, requests run as they come); `signed_by`:
    who must have signed the bundles (without it, nobody); `metrics`: where they are read; `traces`: where spans
    of requests go; `dashboard`: where it is read; `tls`: certificates; `access`: what edges may do (without it,
    everything). All are tables of the file, without flags. `log_format`: text or json.
    """

    device: str
    bundles: tuple[str, ...] = ()
    planning_only: bool = False
    listen: str = "127.0.0.1:0"
    name: str = "server"
    profiles: str = ""
    shipped_profiles: tuple[str, ...] = ()
    state: str = ""
    slowdown: float = 1.0
    seed: int = 0
    threads: int = 1
    advertise: bool = True
    ready_file: str = ""
    log_format: LogFormat = LogFormat.TEXT
    drain_s: float = 5.0
    insecure: bool = False
    health_listen: str = ""
    reflection: bool | None = None
    planning: PlanningLimits = field(default_factory=PlanningLimits)
    limits: Limits = field(default_factory=Limits)
    hardware: DeviceOptions = field(default_factory=DeviceOptions)
    metrics: MetricsOptions = field(default_factory=MetricsOptions)
    traces: TracesOptions = field(default_factory=TracesOptions)
    dashboard: DashboardOptions = field(default_factory=DashboardOptions)
    serving: ServingOptions | None = None
    signed_by: SignerOptions | None = None
    tls: ServerTls | None = None
    access: AccessOptions | None = None

    def __post_init__(self) -> None:
        if not self.bundles and not self.planning_only:
            raise ConfigError(
                "bundles: empty; expected at least one folder made by `joulecut pack`, or planning_only = true for a "
                "server that runs no network and only plans"
            )
        if self.planning_only and (self.bundles or self.serving is not None):
            raise ConfigError("planning_only: true beside bundles or [serving]; leave out one of them")
        check_agent_name(self.name)
        if self.access is not None and self.tls is None:
            raise ConfigError("access: rules are by the names in certificates; expected [tls] beside them")
        if self.tls is not None and self.insecure:
            raise ConfigError("insecure: true beside [tls]; leave out one of them")
        if not 0.0 <= self.drain_s < float("inf"):
            raise ConfigError(f"drain_s: {self.drain_s}; expected a finite number of seconds, 0 or more")
        check_compute_threads(self.threads)
        check_emulation(self.device, slowdown=self.slowdown, seed=self.seed)
        with of_key("listen"):
            parse_address(self.listen)
        if self.health_listen:
            with of_key("health_listen"):
                parse_address(self.health_listen)
        check_apart(
            {
                "listen": self.listen,
                "health_listen": self.health_listen,
                "metrics.listen": self.metrics.listen,
                "dashboard.listen": self.dashboard.listen,
            }
        )

    @property
    def reflects(self) -> bool:
        """Whether callers may list the services."""
        return self.tls is None and not self.insecure if self.reflection is None else self.reflection
