"""Robust partitioning of many devices that share an uplink: partitions, device clocks and bandwidth.

Source: Nan, Han, Zhou, Niu, Robust DNN partitioning and resource allocation under uncertain inference
time, IEEE Transactions on Mobile Computing, doi 10.1109/TMC.2025.3619509, arXiv 2503.21476. **Made from its
abstract and published summaries of it**: the full text with its algorithm was not at hand. What these fix:

- the devices' joules in sum are minimised, over each one's partition, its clock and its share of the uplink;
  the server's machines keep their clock, and what they draw is nobody's concern;
- deadlines hold in probability, by mean and variance alone (Cantelli), see `baselines.robust`;
- two subproblems: with the partitions given, clocks and shares are a convex problem, solved to its optimum;
  with clocks and shares given, the partitions are found by a penalty convex-concave procedure, which ends in
  a stationary point.

What they leave open, and what is done here:

- how the two take turns: until a turn gains nothing; a turn that loses is not taken, so the joules only fall;
- where they begin: at each device's own optimum, once at an equal share of the uplink and once at all that its
  own link carries; the better end counts;
- what a device that sends nothing is offered when it may change its mind: the share that it began with;
- the law of time and watts over the clock: the tables', a clock being a mixture of operating points;
- a continuous clock cannot be set: at its share each device takes its cheapest real point that is in time, and
  the shares are then found once more, for the points that are really set;
- how good the stationary point is: `robust-exact` tries all partitions in the procedure's place, the turns being
  the same, so that what the method costs can be told from what its procedure costs;
- rates, which the paper does not have: devices' joules are added as watts, with the fleet's weights per edge;
  that a rate has to be kept up with is unknown to it, and so is how much of the server's time there is;
- wires and variants: every one on offer is a partition; the wait for the server is a part of the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from joulecut_core.fleets import Fleet
from joulecut_planner.baselines.fleets.allocation import Resources, allocated
from joulecut_planner.baselines.fleets.device_tables import DeviceTables, Seen
from joulecut_planner.baselines.fleets.equal_shares import fair_shares_bps, problems_at
from joulecut_planner.baselines.fleets.outcome import FleetDecision
from joulecut_planner.baselines.fleets.partitioning import best, stationary
from joulecut_planner.baselines.robust import relaxed_plan
from joulecut_planner.choices.grids import Array
from joulecut_planner.fleet.allotment import Claims, allot

_TURNS = 20

_GAIN = 1e-5
"""Relative: a turn that gains less ends the search."""

_LATE = 1e-6
"""Relative to the deadline: the sum of lateness that counts as none."""


@dataclass(frozen=True, slots=True)
class RelaxedFleetPlan:
    """Where the turns end: of each edge the partition, clock and share, with continuous clocks.

    `power_w`: the devices' weighted watts. `late`: lateness in deadlines, summed. `turns`: those that gained.
    """

    devices: tuple[DeviceTables, ...]
    partitions: tuple[int, ...]
    resources: Resources
    power_w: float
    late: float
    turns: int


Partitioner: TypeAlias = Callable[[Seen, float, float], int]
"""The partition of a device at settled resources, its deadline in seconds and its z."""


def robust(fleet: Fleet) -> FleetDecision:
    """As published: the plan with real clocks, every share as it is best for them."""
    return _real(fleet, relaxed_fleet_plan(fleet, stationary))


def robust_exact(fleet: Fleet) -> FleetDecision:
    """The same with the best partition of each turn in place of a stationary point."""
    return _real(fleet, relaxed_fleet_plan(fleet, best))


def _real(fleet: Fleet, plan: RelaxedFleetPlan) -> FleetDecision:
    points = [
        _real_point(device, k, share_bps)
        for device, k, share_bps in zip(plan.devices, plan.partitions, plan.resources.shares_bps.tolist(), strict=True)
    ]
    return FleetDecision(
        choices=tuple(
            device.choice(k, point) for device, k, point in zip(plan.devices, plan.partitions, points, strict=True)
        ),
        shares_bps=tuple(_final_shares_bps(plan, points, fleet.shared.uplink_bps).tolist()),
    )


def relaxed_fleet_plan(fleet: Fleet, partitioner: Partitioner) -> RelaxedFleetPlan:
    """Both subproblems in turns until neither gains, from either start; the better end."""
    devices = tuple(DeviceTables.of(edge.problem, fleet.shared) for edge in fleet.edges)
    fair_bps, most_bps = fair_shares_bps(fleet, fleet.edges), np.array([device.most_bps for device in devices])
    plan = _settled(fleet, devices, fair_bps, partitioner)
    if np.array_equal(fair_bps, most_bps):
        return plan
    other = _settled(fleet, devices, most_bps, partitioner)
    return other if _gains(plan, other) else plan


def _settled(
    fleet: Fleet, devices: tuple[DeviceTables, ...], offered_bps: Array, partitioner: Partitioner
) -> RelaxedFleetPlan:
    plan = _first(fleet, devices, offered_bps)
    while plan.turns < _TURNS:
        better = _turned(fleet, plan, offered_bps, partitioner)
        if not _gains(plan, better):
            return plan
        plan = better
    return plan


def _gains(plan: RelaxedFleetPlan, other: RelaxedFleetPlan) -> bool:
    """Whether the other plan is less late, or no later and cheaper."""
    if other.late < plan.late - _LATE:
        return True
    # Negative where an edge that cannot keep up is counted to wait less than never; infinite at next to no share.
    least_gain_w = _GAIN * abs(plan.power_w) if np.isfinite(plan.power_w) else 0.0
    return other.late <= plan.late + _LATE and other.power_w < plan.power_w - least_gain_w


def _first(fleet: Fleet, devices: tuple[DeviceTables, ...], offered_bps: Array) -> RelaxedFleetPlan:
    """Each device's own optimum at the share it is offered, then clocks and shares for these partitions."""
    partitions, mixes = [], []
    for problem, device in zip(problems_at(fleet, offered_bps), devices, strict=True):
        alone = relaxed_plan(problem)
        mix = np.zeros(device.power_w.shape[1])
        partition = 0
        if alone is not None:
            partition = device.place_of(alone.choice)
            mix[alone.lower] += 1.0 - alone.share
            mix[alone.upper] += alone.share
        partitions.append(partition)
        mixes.append(mix)
    present = _valued(devices, partitions, Resources(tuple(mixes), offered_bps), 0)
    return _allocated(fleet, present, partitions, 0) or present


def _turned(fleet: Fleet, plan: RelaxedFleetPlan, offered_bps: Array, partitioner: Partitioner) -> RelaxedFleetPlan:
    """After one turn: new partitions where they are cheaper in time at the present resources, then new resources."""
    shares_bps = np.where(plan.resources.shares_bps > 0.0, plan.resources.shares_bps, offered_bps)
    seen = [
        device.at(mix, share_bps)
        for device, mix, share_bps in zip(plan.devices, plan.resources.mixes, shares_bps.tolist(), strict=True)
    ]
    partitions = []
    for device, one, old in zip(plan.devices, seen, plan.partitions, strict=True):
        new = partitioner(one, device.deadline_s, device.z)
        latest_s = device.deadline_s * (1.0 + _LATE)
        bound_s = one.bound_s(device.z)
        is_better = bound_s[new] <= latest_s and (one.power_w[new] < one.power_w[old] or bound_s[old] > latest_s)
        partitions.append(new if is_better else old)
    if tuple(partitions) == plan.partitions:
        return plan
    return _allocated(fleet, plan, partitions, plan.turns + 1) or plan


def _allocated(fleet: Fleet, plan: RelaxedFleetPlan, partitions: Sequence[int], turns: int) -> RelaxedFleetPlan | None:
    resources = allocated(plan.devices, partitions, fleet.shared.uplink_bps)
    return None if resources is None else _valued(plan.devices, partitions, resources, turns)


def _valued(
    devices: tuple[DeviceTables, ...], partitions: Sequence[int], resources: Resources, turns: int
) -> RelaxedFleetPlan:
    power_w, late = 0.0, 0.0
    shares_bps = resources.shares_bps.tolist()
    for device, k, mix, share_bps in zip(devices, partitions, resources.mixes, shares_bps, strict=True):
        seen = device.at(mix, share_bps)
        power_w += float(seen.power_w[k])
        late += max(0.0, float(seen.bound_s(device.z)[k]) / device.deadline_s - 1.0)
    return RelaxedFleetPlan(devices, tuple(partitions), resources, power_w, late, turns)


def _real_point(device: DeviceTables, partition: int, share_bps: float) -> int:
    """The cheapest point in time at a share, else the fastest."""
    bound_s = _bounds_s(device, partition)
    bits = float(device.sent_bits[partition])
    in_time = bound_s + (bits / share_bps if bits else 0.0) <= device.deadline_s
    if in_time.any():
        return int(np.where(in_time, device.power_w[partition], np.inf).argmin())
    return int(bound_s.argmin())


def _bounds_s(device: DeviceTables, partition: int) -> Array:
    """Mean and margin at each real point, the way up left out."""
    spread_s = np.sqrt(device.std_s[partition] ** 2 + device.variance_s2[partition])
    bounds_s: Array = device.time_s[partition] + device.rest_s[partition] + device.z * spread_s
    return bounds_s


def _final_shares_bps(plan: RelaxedFleetPlan, points: Sequence[int], uplink_bps: float | None) -> Array:
    """The shares that cost the radios least for real points; who is late in any case keeps the share he had."""
    shares_bps: Array = np.zeros(len(points))
    sending, radio_w_bps, least_bps, most_bps = [], [], [], []
    rows = zip(plan.devices, plan.partitions, points, plan.resources.shares_bps.tolist(), strict=True)
    for n, (device, k, point, share_bps) in enumerate(rows):
        if not device.offloads(k):
            continue
        bits, spare_s = float(device.sent_bits[k]), device.deadline_s - float(_bounds_s(device, k)[point])
        least = 0.0 if bits == 0.0 else bits / spare_s if spare_s * device.most_bps >= bits else share_bps
        sending.append(n)
        radio_w_bps.append(float(device.radio_w_bps[k]))
        least_bps.append(least)
        most_bps.append(device.most_bps)
    if sending:
        least, most = np.array(least_bps), np.array(most_bps)
        claims = Claims(np.array(radio_w_bps), least, least, most, np.zeros(least.size))
        shares_bps[sending] = allot(claims, uplink_bps)
    return shares_bps
