"""All baselines by name, in the order in which tables list them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from joulecut_planner.baselines import cpu_dvfs, cuts, dads, ends, j_dob, joint, neurosurgeon, robust, sequential
from joulecut_planner.baselines.baseline import Baseline, RuledBaseline

_OWN = "joulecut"
_SHIPPED = "how systems run as shipped"
_DECOUPLED = "the usual composition of two published steps"

_ALL: tuple[Baseline, ...] = (
    RuledBaseline(name="joint", source=_OWN, rule=joint.joint),
    RuledBaseline(name="all-edge", source=_SHIPPED, rule=ends.all_edge),
    RuledBaseline(name="all-server", source=_SHIPPED, rule=ends.all_server),
    RuledBaseline(name="edge-clock", source="DVFS alone", rule=ends.edge_clock),
    RuledBaseline(name="server-clock", source="DVFS alone", rule=ends.server_clock),
    RuledBaseline(name="latency-cut", source=f"{neurosurgeon.SOURCE}, with the SLO kept", rule=cuts.latency_cut),
    RuledBaseline(name="energy-cut", source=f"{neurosurgeon.SOURCE}, with the SLO kept", rule=cuts.energy_cut),
    RuledBaseline(name="neurosurgeon-latency", source=neurosurgeon.SOURCE, rule=neurosurgeon.least_latency),
    RuledBaseline(name="neurosurgeon-energy", source=neurosurgeon.SOURCE, rule=neurosurgeon.least_edge_energy),
    RuledBaseline(name="dads-light", source=dads.SOURCE, rule=dads.light),
    RuledBaseline(name="dads-heavy", source=dads.SOURCE, rule=dads.heavy),
    RuledBaseline(name="dads", source=dads.SOURCE, rule=dads.dads),
    RuledBaseline(name="partition-then-clocks", source=_DECOUPLED, rule=sequential.partition_then_clocks),
    RuledBaseline(name="clocks-then-partition", source=_DECOUPLED, rule=sequential.clocks_then_partition),
    RuledBaseline(name="robust", source=robust.SOURCE, rule=robust.robust),
    RuledBaseline(name="j-dob", source=j_dob.SOURCE, rule=j_dob.j_dob),
    RuledBaseline(name="cpu-dvfs", source=cpu_dvfs.SOURCE, rule=cpu_dvfs.cpu_dvfs),
)

BASELINES: Mapping[str, Baseline] = MappingProxyType({baseline.name: baseline for baseline in _ALL})
