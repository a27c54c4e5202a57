"""Profiles of devices whose laws are known, so that what is built from them can be checked against the laws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind
from joulecut_core.links import LinkEstimate
from joulecut_core.problems import Slo
from joulecut_core.profiles import (
    CodecMeasurement,
    GovernedMeasurement,
    PartMeasurement,
    PointMeasurement,
    Profile,
    ProfileKey,
)
from joulecut_core.wires import WireMeasurement, WireTable
from joulecut_planner.tables import PlanningInputs

DIGEST = "sha256:00"
CUT_NAMES = ("input", "stem", "middle", "head", "output")
WORK = (0.4, 0.3, 0.2, 0.1)
"""Shares of the four blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A device: t = scale_s * (0.8 x^-exponent + 0.2), P = idle + linear x + cubic x^3, x = f / top."""

    top_mhz: float
    scale_s: float
    exponent: float
    static_w: float
    linear_w: float
    cubic_w: float
    memory_slowdown: float = 1.0

    def whole_s(self, core_mhz: float) -> float:
        """Seconds of the whole network."""
        return self.scale_s * self.memory_slowdown * (0.8 * math.pow(core_mhz / self.top_mhz, -self.exponent) + 0.2)

    def busy_w(self, core_mhz: float) -> float:
        """Watts while computing."""
        share = core_mhz / self.top_mhz
        return self.static_w + self.linear_w * share + self.cubic_w * share**3

    def wait_w(self, core_mhz: float) -> float:
        """Watts otherwise."""
        return self.static_w * (0.5 + 0.2 * core_mhz / self.top_mhz)


EDGE_LAW = Law(top_mhz=600.0, scale_s=0.04, exponent=1.2, static_w=3.0, linear_w=1.5, cubic_w=4.0)
SERVER_LAW = Law(top_mhz=2000.0, scale_s=0.004, exponent=0.9, static_w=25.0, linear_w=10.0, cubic_w=35.0)
EDGE_TABLE_MHZ = (150.0, 225.0, 300.0, 375.0, 450.0, 525.0, 600.0)
SERVER_TABLE_MHZ = (500.0, 800.0, 1100.0, 1400.0, 1700.0, 2000.0)


def synthetic_profile(
    side: str,
    law: Law,
    table_mhz: Sequence[float],
    *,
    measured_mhz: Sequence[float] | None = None,
    memory_mhz: float | None = None,
    noise: float = 0.0,
    part_time_ratio: float = 1.0,
    part_power_ratio: float = 1.0,
    parts: bool = True,
) -> Profile:
    """A profile measured at `measured_mhz` (default: the whole table), multiplicative noise seeded."""
    rng = np.random.default_rng(1)

    def noisy(value: float) -> float:
        return value * float(rng.normal(1.0, noise)) if noise else value

    points, measured_parts = [], []
    for clock in table_mhz if measured_mhz is None else measured_mhz:
        point = OperatingPoint(core_mhz=clock, memory_mhz=memory_mhz)
        points.append(
            PointMeasurement(
                requested=point,
                achieved=point,
                runs=20,
                block_s=tuple(noisy(share * law.whole_s(clock)) for share in WORK),
                whole_s=law.whole_s(clock),
                whole_std_s=0.02 * law.whole_s(clock),
                busy_w=noisy(law.busy_w(clock)),
                wait_w=law.wait_w(clock),
                window_s=1.0,
            )
        )
        share = sum(WORK[:2]) if side == "edge" else sum(WORK[2:])
        measured_parts.append(
            PartMeasurement(
                cut=2,
                achieved=point,
                runs=5,
                time_s=part_time_ratio * share * law.whole_s(clock),
                time_std_s=0.0,
                busy_w=part_power_ratio * law.busy_w(clock),
            )
        )
    coder_s = 0.0005 if side == "edge" else 0.0001
    return Profile(
        key=ProfileKey(
            device=f"synthetic {side}",
            driver="1",
            power_scope="module input" if side == "edge" else "GPU board",
            network_digest=DIGEST,
            side=side,
            engine="eager",
            precision="fp32",
            batch=1,
        ),
        network="synthetic",
        cut_names=CUT_NAMES,
        clock_table=tuple(OperatingPoint(core_mhz=clock, memory_mhz=memory_mhz) for clock in table_mhz),
        created="2026-11-21T04:00:00Z",
        figures=FigureKind.EMULATED,
        points=tuple(points),
        parts=tuple(measured_parts) if parts else (),
        codecs=tuple(
            CodecMeasurement(cut=cut, codec=codec, time_s=seconds, time_std_s=0.0, extra_w=1.0)
            for cut in range(4)
            for codec, seconds in (("raw", 0.0), ("u8", coder_s))
        ),
        governed=(
            GovernedMeasurement(rate_hz=5.0, latency_s=0.06, latency_std_s=0.002, mean_w=3.5),
            GovernedMeasurement(rate_hz=15.0, latency_s=0.05, latency_std_s=0.001, mean_w=5.5),
        )
        if side == "edge"
        else (),
    )


WIRES = WireTable(
    network="synthetic",
    network_digest=DIGEST,
    samples_from="seeded noise",
    reply_bytes=4000,
    wires=tuple(
        WireMeasurement(
            cut=cut, codec=codec, mean_bytes=size / divisor, max_bytes=size, accuracy_loss=loss, samples=100
        )
        for cut, size in enumerate((150_000, 60_000, 20_000, 8_000))
        for codec, divisor, loss in (("raw", 1, 0.0), ("u8", 4, 0.004))
    ),
)


def planning_inputs(
    *, edge: Profile | None = None, server: Profile | None = None, slo: Slo | None = None, uplink_bps: float = 2e7
) -> PlanningInputs:
    """Inputs of a plan: the synthetic pair on a Wi-Fi link."""
    return PlanningInputs(
        edge=edge or synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ),
        server=server or synthetic_profile("server", SERVER_LAW, SERVER_TABLE_MHZ),
        wires=WIRES,
        link=LinkEstimate(uplink_bps=uplink_bps, downlink_bps=uplink_bps, rtt_s=0.002, latency_std_s=0.0005),
        slo=slo or Slo(latency_s=0.06, quantile=0.99, margin="gaussian", rate_hz=10.0),
        max_accuracy_loss=0.01,
        envelope_bytes=100,
    )
