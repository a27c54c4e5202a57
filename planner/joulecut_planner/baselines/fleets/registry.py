"""All baselines of fleets by name, in the order in which tables list them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from joulecut_planner.baselines.fleets.equal_shares import each_for_itself
from joulecut_planner.baselines.fleets.fleet_baseline import FleetBaseline, RuledFleetBaseline
from joulecut_planner.baselines.fleets.joint import joint
from joulecut_planner.baselines.fleets.robust import robust, robust_exact
from joulecut_planner.baselines.registry import BASELINES
from joulecut_planner.baselines.robust import SOURCE as ROBUST

_LIFTED = (
    "all-edge",
    "all-server",
    "edge-clock",
    "latency-cut",
    "energy-cut",
    "neurosurgeon-latency",
    "neurosurgeon-energy",
    "dads",
    "partition-then-clocks",
    "clocks-then-partition",
    "cpu-dvfs",
)
"""Baselines of single problems that stand in a fleet as they are, each edge for itself."""


def _lifted(name: str, called: str | None = None) -> FleetBaseline:
    single = BASELINES[name]
    return RuledFleetBaseline(
        name=called or name, source=f"{single.source}, at equal shares", rule=each_for_itself(single.choose)
    )


_ALL: tuple[FleetBaseline, ...] = (
    RuledFleetBaseline(name="joint", source="joulecut", rule=joint),
    *(_lifted(name) for name in _LIFTED),
    _lifted("robust", "robust-alone"),
    _lifted("joint", "joint-alone"),
    RuledFleetBaseline(name="robust", source=ROBUST, rule=robust),
    RuledFleetBaseline(name="robust-exact", source=f"{ROBUST}, partitions tried in full", rule=robust_exact),
)

FLEET_BASELINES: Mapping[str, FleetBaseline] = MappingProxyType({baseline.name: baseline for baseline in _ALL})
