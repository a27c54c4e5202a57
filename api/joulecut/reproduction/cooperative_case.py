"""The cooperative case: cut and both clocks chosen with each model's tables, the choices carried out and metered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from joulecut.demo.workplace import SHIPPED
from joulecut.reproduction.choosing import MISS
from joulecut.reproduction.pair_run import Carried, EmulatedPair, Executed
from joulecut_core.errors import PlanError
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Plan
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_core.profiles import Profile
from joulecut_core.timing import ManualClock
from joulecut_core.wires import load_wires
from joulecut_planner import ModelKind, PlanningInputs, build_problem, solve
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.profiling.measurable import MeasurableNetwork
from joulecut_runtime.profiling.profiler import Side, profile_key
from joulecut_runtime.profiling.provision import example_inputs
from joulecut_runtime.profiling.rehearsal import rehearse_profile
from joulecut_runtime.profiling.store import ProfileStore

EDGE, SERVER = "emulated:orin-nano-15w", "emulated:t4"
UPLINKS_BPS = (5e6, 10e6, 25e6, 50e6, 200e6)
DEADLINES_S = (0.01, 0.015, 0.03, 0.1)
RATES_HZ = (None, 10.0)
"""On request, one after the other; or at even intervals, where a request also pays for waiting until the next."""
MAX_ACCURACY_LOSS = 0.02
OBJECTIVES = {"edge": Objective(server_weight=0.0), "both": Objective()}
"""Whose joules count: the edge's alone, or both sides'."""

_LINK = LinkEstimate(
    uplink_bps=UPLINKS_BPS[0], downlink_bps=UPLINKS_BPS[0], rtt_s=0.004, latency_std_s=0.0, uplink_w=0.8, downlink_w=0.6
)
"""Wi-Fi: a round trip of 4 ms; the radio's watts are assumed."""
_DOWNLINK_RATIO = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CooperativeRow:
    """One plan and what came of it. `energy_j` is in the objective's weights; radio joules belong to the edge."""

    row: str
    edge: str
    server: str
    workload: str
    kind: str
    joules_of: str
    uplink_bps: float
    deadline_s: float
    rate_hz: float | None
    model: str
    status: str
    """Whether the model believed that its plan keeps the deadline."""
    cut: int
    cut_name: str
    codec: str
    edge_core_mhz: float
    edge_memory_mhz: float | None
    server_core_mhz: float | None
    server_memory_mhz: float | None
    expected_latency_s: float
    expected_energy_j: float
    latency_s: float
    slowest_s: float
    energy_j: float
    edge_j: float
    radio_j: float
    server_j: float
    missed: bool
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    joules_of: str
    link: LinkEstimate
    deadline_s: float
    rate_hz: float | None
    model: ModelKind
    plan: Plan


def planned(network: MeasurableNetwork) -> tuple[_Planned, ...]:
    """Every plan of the case, both models' one after the other."""
    inputs = PlanningInputs(
        edge=_profile(network, EDGE, "edge"),
        server=_profile(network, SERVER, "server"),
        wires=load_wires(SHIPPED / "wires.json"),
        link=_LINK,
        max_accuracy_loss=MAX_ACCURACY_LOSS,
        envelope_bytes=ENVELOPE_BYTES,
    )
    posed = {model: build_problem(inputs, model=model) for model in (ModelKind.CPU_DVFS, ModelKind.DVFS_AWARE)}
    return tuple(
        _Planned(
            joules_of=name,
            link=replace(_LINK, uplink_bps=uplink_bps, downlink_bps=_DOWNLINK_RATIO * uplink_bps),
            deadline_s=deadline_s,
            rate_hz=rate_hz,
            model=model,
            plan=solve(_under(problem, uplink_bps, Slo(latency_s=deadline_s, rate_hz=rate_hz), objective)),
        )
        for (name, objective), rate_hz, uplink_bps, deadline_s in product(
            OBJECTIVES.items(), RATES_HZ, UPLINKS_BPS, DEADLINES_S
        )
        for model, problem in posed.items()
    )


def cooperative_rows(network: MeasurableNetwork, pair: EmulatedPair) -> Iterator[CooperativeRow]:
    """Carry out every distinct plan once; one row for each plan. `pair` is of EDGE and SERVER."""
    runs: dict[tuple[Carried, float], Executed] = {}
    for index, each in enumerate(planned(network), start=1):
        carried = _carried(each.plan, each.rate_hz)
        key = carried, each.link.uplink_bps
        if key not in runs:
            runs[key] = pair.execute(carried, each.link)
        yield _row(index, each, carried, runs[key], network.table.network)


def _under(problem: Problem, uplink_bps: float, slo: Slo, objective: Objective) -> Problem:
    link = replace(problem.link, uplink_bps=uplink_bps, downlink_bps=_DOWNLINK_RATIO * uplink_bps)
    return replace(problem, link=link, slo=slo, objective=objective)


def _carried(plan: Plan, rate_hz: float | None) -> Carried:
    if plan.cut is None or plan.codec is None or plan.edge_clock is None:
        raise PlanError("a plan without a choice; expected one, since some cut keeps the accuracy budget")
    return Carried(
        cut=plan.cut,
        codec=plan.codec,
        edge_clock=plan.edge_clock,
        server_clock=plan.server_clock,
        period_s=None if rate_hz is None else 1.0 / rate_hz,
    )


def _row(index: int, each: _Planned, carried: Carried, run: Executed, workload: str) -> CooperativeRow:
    objective = OBJECTIVES[each.joules_of]
    edge_j = run.edge_j + run.radio_j
    return CooperativeRow(
        row=f"C{index:03}",
        edge=EDGE,
        server=SERVER,
        workload=workload,
        kind="emulated",
        joules_of=each.joules_of,
        uplink_bps=each.link.uplink_bps,
        deadline_s=each.deadline_s,
        rate_hz=each.rate_hz,
        model=each.model.value,
        status=each.plan.status,
        cut=carried.cut,
        cut_name=each.plan.cut_name or "",
        codec=carried.codec,
        edge_core_mhz=carried.edge_clock.core_mhz,
        edge_memory_mhz=carried.edge_clock.memory_mhz,
        server_core_mhz=None if carried.server_clock is None else carried.server_clock.core_mhz,
        server_memory_mhz=None if carried.server_clock is None else carried.server_clock.memory_mhz,
        expected_latency_s=each.plan.latency_s or 0.0,
        expected_energy_j=each.plan.energy_j or 0.0,
        latency_s=run.latency_s,
        slowest_s=run.slowest_s,
        energy_j=objective.edge_weight * edge_j + objective.server_weight * run.server_busy_j,
        edge_j=edge_j,
        radio_j=run.radio_j,
        server_j=run.server_busy_j,
        missed=run.latency_s > MISS * each.deadline_s,
        requests=run.requests,
    )


def _profile(network: MeasurableNetwork, device_name: str, side: Side) -> Profile:
    """The shipped profile of a side, or one made now where the network or device is another version."""
    device = open_device(device_name, clock=ManualClock())
    key = profile_key(network, device, side=side)
    device.close()
    kept = ProfileStore(SHIPPED).get(key)
    return kept or rehearse_profile(network, device_name, side=side, inputs=example_inputs(network.table.inputs))
