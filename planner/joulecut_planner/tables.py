"""From what was measured to a planning problem: profiles of both sides, wires, link, service level."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from joulecut_core.argument_types import expect_member
from joulecut_core.errors import ProfileError
from joulecut_core.links import LinkEstimate
from joulecut_core.problem_rules import POSITIVE, check_number
from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
    Objective,
    Problem,
    ProblemCut,
    Server,
    ServerPoint,
    SideTables,
    Slo,
    Table,
    Variant,
    Wire,
)
from joulecut_core.profiles import CodecMeasurement, Profile
from joulecut_core.wires import WireMeasurement, WireTable
from joulecut_planner.choices.grids import Array
from joulecut_planner.side_models import ModelKind, SideModel, side_model
from joulecut_planner.tails import TailEstimates

_NOTHING = Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningInputs:
    """All that a problem is made of. `envelope_bytes`: what each message carries besides its payload.

    Raises ProfileError where profiles and wires are not of one network, cut alike and run alike.
    """

    edge: Profile
    server: Profile
    wires: WireTable
    link: LinkEstimate
    slo: Slo = field(default_factory=Slo)
    objective: Objective = field(default_factory=Objective)
    max_accuracy_loss: float = 0.0
    envelope_bytes: int = 0

    def __post_init__(self) -> None:
        for name, profile in (("edge", self.edge), ("server", self.server)):
            if profile.key.side != name:
                raise ProfileError(f"{name}.key.side: {profile.key.side!r}; expected {name!r}")
            if profile.key.network_digest != self.wires.network_digest:
                raise ProfileError(
                    f"{name}.key.network_digest: {profile.key.network_digest!r}; expected that of the wires, "
                    f"{self.wires.network_digest!r}: profile the same bundle on both sides"
                )
        if self.edge.cut_names != self.server.cut_names:
            raise ProfileError(
                f"server.cut_names: {len(self.server.cut_names)} cuts; expected the edge's {len(self.edge.cut_names)}, "
                "name by name: profile the same cuts on both sides"
            )
        if (self.edge.key.precision, self.edge.key.batch) != (self.server.key.precision, self.server.key.batch):
            raise ProfileError(
                f"server.key: {self.server.key.precision} at batch {self.server.key.batch}; expected the edge's "
                f"{self.edge.key.precision} at batch {self.edge.key.batch}: profile both sides alike"
            )


def build_problem(
    inputs: PlanningInputs, *, model: ModelKind = ModelKind.DVFS_AWARE, tails: TailEstimates | None = None
) -> Problem:
    """The planning problem that the measurements pose.

    A codec is offered at a cut where its bytes, its encoding on the edge and its decoding on the
    server were all measured; a cut without any is forbidden. `tails`: what takes the place of standard
    deviations where the SLO has a quantile; the spreads are then equivalents for that quantile and
    margin alone (`joulecut_planner.tails.margins`). Raises ProfileError or FitError where the
    measurements cannot carry a problem, ProblemError where a number is out of range, TypeError for what
    is no ModelKind.
    """
    expect_member("model", model, ModelKind)
    # Spreads of payloads are divided by it before the problem is there to be checked.
    check_number("link.uplink_bps", inputs.link.uplink_bps, POSITIVE)
    edge, server = side_model(inputs.edge, model), side_model(inputs.server, model)
    known = tails or TailEstimates()
    edge_spread, server_spread = known.edge_spread(inputs.slo), known.server_spread(inputs.slo)
    edge_std_s = edge.std_s if edge_spread is None else edge.time_s * edge_spread
    server_std_s = server.std_s if server_spread is None else server.time_s * server_spread
    return Problem(
        slo=inputs.slo,
        max_accuracy_loss=inputs.max_accuracy_loss,
        objective=inputs.objective,
        link=_link(inputs, known),
        edge=Edge(
            points=tuple(
                EdgePoint(core_mhz=point.core_mhz, memory_mhz=point.memory_mhz, wait_w=wait_w)
                for point, wait_w in zip(edge.points, edge.wait_w.tolist(), strict=True)
            ),
            power_scope=inputs.edge.key.power_scope,
        ),
        server=Server(
            points=tuple(
                ServerPoint(core_mhz=point.core_mhz, memory_mhz=point.memory_mhz, idle_w=idle_w)
                for point, idle_w in zip(server.points, server.wait_w.tolist(), strict=True)
            ),
            power_scope=inputs.server.key.power_scope,
        ),
        cuts=_cuts(inputs),
        variants=(
            Variant(
                name=variant_name(inputs.edge),
                edge=_tables(edge, edge_std_s),
                server=_tables(server, _with_payload_spread(server_std_s, inputs)),
            ),
        ),
    )


def problem_link(link: LinkEstimate) -> Link:
    """The estimate as a problem's link."""
    return Link(
        uplink_bps=link.uplink_bps,
        downlink_bps=link.downlink_bps,
        rtt_s=link.rtt_s,
        latency_std_s=link.latency_std_s,
        uplink_w=link.uplink_w,
        downlink_w=link.downlink_w,
    )


def _link(inputs: PlanningInputs, tails: TailEstimates) -> Link:
    link, spread_s = problem_link(inputs.link), tails.link_spread_s(inputs.slo)
    return link if spread_s is None else replace(link, latency_std_s=spread_s)


def variant_name(profile: Profile) -> str:
    """What a problem calls the engine and precision of a profile, for example "eager-fp32"."""
    return f"{profile.key.engine}-{profile.key.precision}"


def _cuts(inputs: PlanningInputs) -> tuple[ProblemCut, ...]:
    last = inputs.edge.last_cut
    for wire in inputs.wires.wires:
        if not 0 <= wire.cut <= last:
            raise ProfileError(f"wires: cut {wire.cut}; expected 0 to {last}: measure the wires of this bundle")
    encoders = {(codec.cut, codec.codec): codec for codec in inputs.edge.codecs}
    decoders = {(codec.cut, codec.codec): codec for codec in inputs.server.codecs}
    cuts = []
    for index, name in enumerate(inputs.edge.cut_names[:-1]):
        offered = tuple(
            _wire(inputs, measured, encoders[key], decoders[key])
            for measured in inputs.wires.at(index)
            if (key := (index, measured.codec)) in encoders and key in decoders
        )
        cuts.append(ProblemCut(name=name, wires=offered or (_NOTHING,), allowed=bool(offered)))
    return (*cuts, ProblemCut(name=inputs.edge.cut_names[-1], wires=(_NOTHING,)))


def _wire(
    inputs: PlanningInputs, measured: WireMeasurement, encoder: CodecMeasurement, decoder: CodecMeasurement
) -> Wire:
    return Wire(
        codec=measured.codec,
        uplink_bytes=measured.mean_bytes + inputs.envelope_bytes,
        downlink_bytes=float(inputs.wires.reply_bytes + inputs.envelope_bytes),
        accuracy_loss=measured.accuracy_loss,
        encode_s=encoder.time_s,
        encode_w=encoder.extra_w,
        decode_s=decoder.time_s,
        decode_w=decoder.extra_w,
    )


def _with_payload_spread(std_s: Array, inputs: PlanningInputs) -> Array:
    """The server's spreads with those of the transfers in them.

    A JPEG's size depends on the picture, so its transfer time spreads. A problem has one spread of the
    link and one per part; only the latter differs from cut to cut, so it stands there: the widest of
    the wires on offer within the accuracy budget.
    """
    spread_s = np.zeros(len(std_s))
    for wire in inputs.wires.wires:
        if wire.cut < inputs.edge.last_cut and wire.accuracy_loss <= inputs.max_accuracy_loss:
            spread_s[wire.cut] = max(spread_s[wire.cut], 8.0 * wire.std_bytes / inputs.link.uplink_bps)
    return np.hypot(std_s, spread_s[:, np.newaxis])


def _tables(side: SideModel, std_s: Array) -> SideTables:
    return SideTables(time_s=_rows(side.time_s), busy_w=_rows(side.busy_w), time_std_s=_rows(std_s))


def _rows(table: Array) -> Table:
    return tuple(map(tuple, table.tolist()))
