"""What serving a network costs this device, and the policy that decides by it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.networks import CutTable
from joulecut_core.profiles import Profile
from joulecut_core.service_tables import ServiceTable, ServiceVariant
from joulecut_core.serving import ServingPolicy
from joulecut_core.timing import Clock
from joulecut_planner.serving.joint.policy import JoulecutPolicy
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.service_file import load_service_table
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_runtime.execution.device_engine import variant_engine_on
from joulecut_runtime.profiling.switching import switching_time_s
from joulecut_server.serving.options import ServingOptions

_LOG = logging.getLogger(__name__)

_OWN = "joulecut"
_LEAST_S = 1e-9
"""A block that only renames tensors takes no time that a profile could tell."""


def service_tables(options: ServingOptions) -> Mapping[str, ServiceTable]:
    """The tables of the files that were named, by network. Raises ProfileError where a file is wrong."""
    tables = [load_service_table(Path(path)) for path in options.tables]
    return {table.network: table for table in tables}


def served_table(table: ServiceTable, runner: BatchRunner, options: DeviceOptions, *, clock: Clock) -> ServiceTable:
    """The part of a table that this server can run, its variants made ready on the runner in the table's order.

    The first variant is the network as captured. Raises ClockError for clocks that the device lacks.
    """
    device = runner.device
    for point in table.points:
        device.clock_table.find(point)
    if table.device != device.info.name:
        _LOG.warning("the service table of %s is of %s; this is %s", table.network, table.device, device.info.name)
    kept = [table.variants[0]]
    for variant in table.variants[1:]:
        try:
            engine = variant_engine_on(device, runner.network, variant.name, options, clock=clock)
        except ConfigError as error:
            _LOG.warning("%s: this server does not run %s: %s", table.network, variant.name, error)
            continue
        runner.add_variant(engine, speed_up=_speed_up(table, variant) if is_emulated(device) else 1.0)
        kept.append(variant)
    return replace(table, variants=tuple(kept))


def is_emulated(device: Device) -> bool:
    """Whether a device's seconds follow from operations, so that another precision's have to be assumed."""
    return device.info.figures is FigureKind.EMULATED


def _speed_up(table: ServiceTable, variant: ServiceVariant) -> float:
    """By how much a variant is faster, of a request alone at the highest clock."""
    full_s, reduced_s = (sum(unit[-1] for unit in each.time_s[0]) for each in (table.variants[0], variant))
    return full_s / reduced_s


def table_of_profile(profile: Profile, network: CutTable, *, switch_s: float) -> ServiceTable:
    """A table for one request at a time, by a server's profile: what larger batches cost was never measured.

    Blocks are told apart by waiting for each, which an engine that runs the whole at once never does: their seconds are
    scaled to what the whole takes. `switch_s`: what a change of the clock takes here, which no profile tells.
    """
    points = sorted(profile.points, key=lambda point: (point.requested.memory_mhz or 0.0, point.requested.core_mhz))
    blocks = range(len(network.blocks))
    scales = [point.whole_s / max(sum(point.block_s), _LEAST_S) for point in points]
    times = tuple(
        tuple(max(scale * point.block_s[block], _LEAST_S) for point, scale in zip(points, scales, strict=True))
        for block in blocks
    )
    watts = tuple(tuple(max(point.busy_w, _LEAST_S) for point in points) for _ in blocks)
    return ServiceTable(
        network=network.network,
        device=profile.key.device,
        power_scope=profile.key.power_scope,
        units=tuple(block.name for block in network.blocks),
        points=tuple(point.requested for point in points),
        batches=(1,),
        idle_w=tuple(point.wait_w for point in points),
        switch_s=switch_s,
        variants=(
            ServiceVariant(
                name=profile.key.precision,
                accuracy=1.0,
                accuracy_of="answers equal to its own",
                time_s=(times,),
                busy_w=(watts,),
                figures=profile.figures,
            ),
        ),
    )


def timed_switch_s(device: Device, *, clock: Clock) -> float:
    """Seconds that a change of the clock takes, in two digits; 0 where the clocks cannot be had.

    What a policy prepared at the last start is found again only for an equal table: hence two digits, the cautious way.
    """
    points = device.clock_table.points
    try:
        with device.lease(points[-1]) as lease:
            seconds = switching_time_s(lease, clock, points)
    except DeviceError as error:
        _LOG.warning("changes of the clock could not be timed and count as free: %s", error)
        return 0.0
    if seconds <= 0.0:
        return 0.0
    digit_s = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return math.ceil(seconds / digit_s) * digit_s


def make_policy(options: ServingOptions, table: ServiceTable, *, kept: Path | None = None) -> ServingPolicy:
    """The policy that a configuration names, for one table. Raises ConfigError where it cannot serve that.

    `kept`: a folder for what a policy prepares once for a table, which takes seconds.
    """
    try:
        if options.policy == _OWN:
            return JoulecutPolicy(
                table,
                slo_s=options.slo_s,
                accuracy_floor=options.accuracy_floor,
                miss_share=options.miss_share,
                counts_idle=options.counts_idle,
                kept=kept,
            )
        full = table.variants[0].accuracy
        share = options.accuracy_floor / full if full > 0.0 else 0.0
        return POLICIES[options.policy](table, PolicyOptions(accuracy_floor=share, counts_idle=options.counts_idle))
    except ValueError as error:
        raise ConfigError(f"serving.policy: {options.policy} cannot serve {table.network}: {error}") from error
