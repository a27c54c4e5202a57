"""An edge-agent as Prometheus metrics: requests as they are answered, everything else when somebody asks.

Imported only where a configuration asks for metrics: it needs the extra of that name. Seconds and joules are those of
the agent's clock, emulated ones on emulated devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from joulecut_core.devices import Device
from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import FallbackReason, RequestJoules, RequestLedger, RequestSeconds
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.offloading.replanning import REPLAN_REASONS, Replanning
from joulecut_edge.requests.session import EdgeSession
from joulecut_planner.drift import DriftCause, WatchedPart
from joulecut_proto.security.certificates import expiry_of, wrong_files
from joulecut_proto.security.identity import Role
from joulecut_proto.security.tls_options import EdgeTls
from joulecut_runtime.metrics.agent_metrics import AgentMetrics, CertificateFiles
from joulecut_runtime.metrics.device_metrics import DeviceMetrics
from joulecut_runtime.metrics.endpoint import SECONDS_BUCKETS, MetricsEndpoint
from joulecut_runtime.metrics.options import MetricsOptions

if TYPE_CHECKING:
    from joulecut_proto.tracing.opening import Traces

_OUTCOMES = ("offloaded", "local", "fallback", "rejected", "abandoned")
_STAGES = tuple(stage.name for stage in fields(RequestSeconds) if stage.name != "total")
_PRICED = frozenset({"edge_wait", "radio", "server", "server_wait"})
"""Shares that an edge takes from its plan or another host, whatever its own meter says."""
_MOST_SCOPES, _LONGEST_SCOPE = 16, 200
"""Of servers' words for what their watts contain, each of which is a series for good."""
_OTHER = "other"


class EdgeMetrics:
    """Implements `RequestObserver`, and a Prometheus collector of plan, link and drift."""

    def __init__(
        self, device: Device, session: EdgeSession, offloading: Offloading, replanning: Replanning | None = None
    ) -> None:
        """`replanning`: who follows the link, where somebody does."""
        self._replanning = replanning
        self.registry = CollectorRegistry()
        self._info = device.info
        self._server_scopes: set[str] = set()
        self._session = session
        self._offloading = offloading
        self._joules = Counter(
            "joulecut_energy_joules",
            "Joules of requests by share",
            ("part", "figures", "scope"),
            registry=self.registry,
        )
        self._planned = Counter(
            "joulecut_planned_energy_joules",
            "Joules that plans expected of answered requests",
            ("side",),
            registry=self.registry,
        )
        self._requests = Counter("joulecut_requests", "Requests", ("outcome",), registry=self.registry)
        for outcome in _OUTCOMES:
            self._requests.labels(outcome)
        self._seconds = Histogram(
            "joulecut_request_seconds", "From arrival to answer", registry=self.registry, buckets=SECONDS_BUCKETS
        )
        self.registry.register(self)
        self._stages = Histogram(
            "joulecut_stage_seconds",
            "Stages of requests",
            ("stage",),
            registry=self.registry,
            buckets=SECONDS_BUCKETS,
        )
        self.registry.register(DeviceMetrics(device, lambda: session.held, lambda: session.leases))

    def answered(self, ledger: RequestLedger) -> None:
        """See `RequestObserver.answered`."""
        outcome = "fallback" if ledger.fallback else "local" if ledger.served_by == "edge" else "offloaded"
        self._requests.labels(outcome).inc()
        self._seconds.observe(ledger.seconds.total)
        for stage in _STAGES:
            if lasted_s := getattr(ledger.seconds, stage):
                self._stages.labels(stage).observe(lasted_s)
        for share in fields(RequestJoules):
            priced = share.name in _PRICED and ledger.figures is not FigureKind.EMULATED
            figures = FigureKind.ESTIMATED if priced else ledger.figures
            labels = (share.name, figures.value, self._scope(share.name))
            self._joules.labels(*labels).inc(getattr(ledger.joules, share.name))
        for side, energy_j in self._promised():
            # Below 0 where the nearest choice outlasts its period; counters only rise.
            self._planned.labels(side).inc(max(energy_j, 0.0))

    def rejected(self) -> None:
        """See `RequestObserver.rejected`."""
        self._requests.labels("rejected").inc()

    def abandoned(self) -> None:
        """See `RequestObserver.abandoned`."""
        self._requests.labels("abandoned").inc()

    def add_agent(self, tls: EdgeTls | None, traces: Traces | None) -> None:
        """Tell of the certificate and of spans too, where there are any."""
        self.registry.register(
            AgentMetrics(
                spans=None if traces is None else traces.counted,
                certificate=None
                if tls is None
                else CertificateFiles(expiry_s=partial(expiry_of, tls), wrong=partial(wrong_files, tls, Role.EDGE)),
            )
        )

    def serve(self, options: MetricsOptions) -> MetricsEndpoint:
        """Let Prometheus read these metrics; raises ConfigError where nobody can listen there."""
        return MetricsEndpoint(options, self.registry)

    def collect(self) -> Iterator[Metric]:
        """Plan, link and drift as they are now."""
        connected = self._offloading.connection is not None
        yield GaugeMetricFamily("joulecut_server_connected", "1 while a server is connected", value=float(connected))
        epoch = self._session.active.assignment.epoch
        yield GaugeMetricFamily("joulecut_plan_epoch", "Epoch in force; 0 is the edge's own plan", value=epoch)
        cut = self._session.active.assignment.cut
        yield GaugeMetricFamily("joulecut_plan_cut", "Cut in force; 0 is all on the server", value=cut)
        waiting = self._session.turns.waiting
        yield GaugeMetricFamily("joulecut_requests_waiting", "Wait for the device, or run on it", value=waiting)
        plans = self._offloading.planning.plans
        yield CounterMetricFamily("joulecut_plans", "Plans of a server carried out", value=plans)
        yield from self._promises()
        yield from self._exactly_once()
        yield from self._replans()
        yield from self._link()
        yield from self._drift()

    def _promised(self) -> tuple[tuple[str, float], ...]:
        """Joules of a request by the plan in force, of each side; none where it has none."""
        plan = self._session.active.plan
        if plan.energy_j is None:
            return ()
        return ("edge", plan.edge_energy_j or 0.0), ("server", plan.server_energy_j or 0.0)

    def _promises(self) -> Iterator[Metric]:
        active = self._session.active
        if promised := self._promised():
            energy = GaugeMetricFamily("joulecut_plan_energy_joules", "Of a request, as planned", labels=["side"])
            for side, energy_j in promised:
                energy.add_metric([side], energy_j)
            yield energy
        if active.rate_hz is not None:
            yield GaugeMetricFamily("joulecut_plan_rate_hertz", "Requests a second, as planned", value=active.rate_hz)
        if active.deadline_s is not None:
            deadline_s = active.deadline_s
            yield GaugeMetricFamily("joulecut_plan_deadline_seconds", "A request's, in all", value=deadline_s)

    def _exactly_once(self) -> Iterator[Metric]:
        counters = self._session.counters
        fallbacks = CounterMetricFamily("joulecut_fallback", "Answered alone against the plan", labels=["reason"])
        for reason in FallbackReason:
            fallbacks.add_metric([reason.value], counters.reasons.get(reason, 0))
        yield fallbacks
        for name, meaning, value in (
            ("joulecut_slo_violations", "Answered later than the deadline of the plan", counters.missed),
            ("joulecut_request_retries", "Sent to a server a second time", counters.retries),
            ("joulecut_recomputed_answers", "Computed twice by a server", counters.recomputed),
            ("joulecut_dropped_replies", "Came when nobody waited any more", self._offloading.dropped_replies),
            ("joulecut_renewals", "Connections replaced because of their age", self._offloading.renewals),
        ):
            yield CounterMetricFamily(name, meaning, value=value)

    def _replans(self) -> Iterator[Metric]:
        if self._replanning is None:
            return
        made = self._replanning.replans
        replans = CounterMetricFamily("joulecut_replans", "Changes of the plan with the link", labels=["reason"])
        for reason in REPLAN_REASONS:
            replans.add_metric([reason], made.get(reason, 0))
        yield replans
        outlook = self._replanning.outlook
        if outlook is None:
            return
        uplink = GaugeMetricFamily(
            "joulecut_uplink_bytes_per_second", "Uplink as requests show it", labels=["view", "figures"]
        )
        link = self._offloading.planning.link
        figures = FigureKind.MEASURED.value if link is None else link.figures.value
        for view, uplink_bps in (
            ("expected", outlook.expected_bps),
            ("careful", outlook.careful_bps),
            ("recent", outlook.recent_bps),
        ):
            uplink.add_metric([view, figures], uplink_bps / 8.0)
        yield uplink

    def _link(self) -> Iterator[Metric]:
        link = self._offloading.planning.link
        if link is None:
            return
        figures = link.figures.value
        bandwidth = GaugeMetricFamily(
            "joulecut_link_bytes_per_second", "Bandwidth as payload sees it", labels=["direction", "figures"]
        )
        bandwidth.add_metric(["up", figures], link.uplink_bps / 8.0)
        bandwidth.add_metric(["down", figures], link.downlink_bps / 8.0)
        yield bandwidth
        round_trip = GaugeMetricFamily("joulecut_link_round_trip_seconds", "Round trip of nothing", labels=["figures"])
        round_trip.add_metric([figures], link.rtt_s)
        yield round_trip

    def _drift(self) -> Iterator[Metric]:
        drift = self._session.drift
        verdicts = drift.verdicts
        alarms = CounterMetricFamily("joulecut_drift_alarms", "Lasting changes of a part's seconds", labels=["cause"])
        for cause in DriftCause:
            counted = sum(count for (_, each), count in verdicts.items() if each is cause)
            alarms.add_metric([cause.value.replace(" ", "_")], counted)
        yield alarms
        ratio = GaugeMetricFamily(
            "joulecut_drift_ratio", "Measured over predicted seconds since the last change", labels=["part"]
        )
        levels = drift.levels
        for part in WatchedPart:
            if part in levels:
                ratio.add_metric([part.value], levels[part])
        yield ratio

    def _scope(self, share: str) -> str:
        if share == "radio":
            return "radio"
        if not share.startswith("server"):
            return self._info.power_scope
        server = self._offloading.server_info
        scope = "unknown" if server is None else server.power_scope[:_LONGEST_SCOPE]
        if len(self._server_scopes) < _MOST_SCOPES:
            self._server_scopes.add(scope)
        return scope if scope in self._server_scopes else _OTHER
