"""A server-agent as Prometheus metrics: requests as they are answered, everything else when somebody asks.

Imported only where a configuration asks for metrics: it needs the extra of that name. Seconds and joules are those of
the agent's clock, emulated ones on emulated devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from joulecut_core.devices import Device
from joulecut_proto.inference_messages import Origin, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.security.certificates import expiry_of, wrong_files
from joulecut_proto.security.identity import Role
from joulecut_proto.security.tls_options import ServerTls
from joulecut_runtime.metrics.agent_metrics import AgentMetrics, CertificateFiles
from joulecut_runtime.metrics.device_metrics import DeviceMetrics
from joulecut_runtime.metrics.endpoint import SECONDS_BUCKETS, MetricsEndpoint
from joulecut_runtime.metrics.options import MetricsOptions
from joulecut_server.device_clocks import DeviceClocks
from joulecut_server.planning.planning import ServerPlanning
from joulecut_server.reporting.rule_metrics import RuleMetrics
from joulecut_server.requests.inference import ServerInference
from joulecut_server.rule_changes import RuleChanges
from joulecut_server.sessions.sessions import SessionBook

if TYPE_CHECKING:
    from joulecut_proto.tracing.opening import Traces


class ServerMetrics:
    """Implements `ReplyObserver`, and is a Prometheus collector of plans, sessions and what edges take."""

    def __init__(
        self,
        device: Device,
        clocks: DeviceClocks,
        sessions: SessionBook,
        planning: ServerPlanning,
        inference: ServerInference,
    ) -> None:
        self.registry = CollectorRegistry()
        self._scope = device.info.power_scope
        self._sessions = sessions
        self._planning = planning
        self._inference = inference
        self._joules = Counter(
            "joulecut_energy_joules",
            "Joules of decoding and computing",
            ("part", "figures", "scope"),
            registry=self.registry,
        )
        self._requests = Counter("joulecut_requests", "Requests", ("outcome",), registry=self.registry)
        for status in ReplyStatus:
            self._requests.labels(status.value)
        self._repeated = Counter(
            "joulecut_repeated_requests", "Requests answered that had come before", ("origin",), registry=self.registry
        )
        for origin in (Origin.KEPT, Origin.RECOMPUTED):
            self._repeated.labels(origin.value)
        self._seconds = Histogram(
            "joulecut_request_seconds",
            "Queue, decoding and computing, as replies say",
            registry=self.registry,
            buckets=SECONDS_BUCKETS,
        )
        self.registry.register(self)
        self.registry.register(DeviceMetrics(device, lambda: clocks.leased, lambda: clocks.leases))

    def replied(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """See `ReplyObserver.replied`."""
        del request
        self._requests.labels(reply.status.value).inc()
        if reply.status is ReplyStatus.OK and reply.origin is not Origin.COMPUTED:
            self._repeated.labels(reply.origin.value).inc()

    def computed(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """See `ReplyObserver.computed`."""
        del request
        self._seconds.observe(reply.queue_s + reply.decode_s + reply.tail_s)
        for part, energy_j in (("server_busy", reply.server_energy_j), ("server_wait", reply.server_wait_j)):
            if energy_j is not None:
                self._joules.labels(part, reply.figures.value, self._scope).inc(energy_j)

    def add_agent(self, tls: ServerTls | None, traces: Traces | None) -> None:
        """Tell of the certificate and of spans too, where there are any."""
        self.registry.register(
            AgentMetrics(
                spans=None if traces is None else traces.counted,
                certificate=None
                if tls is None
                else CertificateFiles(expiry_s=partial(expiry_of, tls), wrong=partial(wrong_files, tls, Role.SERVER)),
            )
        )

    def add_rules(self, changes: RuleChanges) -> None:
        """Tell of changes to the rules too, where there is a file to read them from."""
        self.registry.register(RuleMetrics(changes))

    def serve(self, options: MetricsOptions) -> MetricsEndpoint:
        """Let Prometheus read these metrics; raises ConfigError where nobody can listen there."""
        return MetricsEndpoint(options, self.registry)

    def collect(self) -> Iterator[Metric]:
        """Plans and sessions as they are now."""
        yield CounterMetricFamily("joulecut_plans", "Plans made for sessions", value=self._planning.plans)
        epoch = self._sessions.last_epoch
        yield GaugeMetricFamily("joulecut_plan_epoch", "Highest given out since the start; 0 before", value=epoch)
        yield GaugeMetricFamily("joulecut_sessions", "Sessions that are known", value=len(self._sessions))
        inference = self._inference
        yield GaugeMetricFamily("joulecut_streams", "Edges connected", value=inference.streams)
        yield GaugeMetricFamily("joulecut_requests_under_way", "Arriving, waiting, computing", value=inference.waiting)
        yield CounterMetricFamily("joulecut_streams_cut_off", "Slow ones", value=inference.slow_peers.cut_off)
        yield GaugeMetricFamily("joulecut_tensor_bytes", "On their way", value=inference.room.taken_bytes)
        yield GaugeMetricFamily("joulecut_kept_answers", "For requests sent again", value=len(inference.recent))
        yield GaugeMetricFamily("joulecut_device_lost", "1 while it cannot compute", value=not inference.device_is_well)
