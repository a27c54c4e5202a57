"""The serving policies of others by name, in the order in which reports list them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import ServingPolicy
from joulecut_planner.serving.policies.batchdvfs import BatchDvfs
from joulecut_planner.serving.policies.batching_only import BatchingOnly
from joulecut_planner.serving.policies.dvfs_only import DvfsOnly
from joulecut_planner.serving.policies.eali import Eali
from joulecut_planner.serving.policies.fixed import Fixed
from joulecut_planner.serving.policies.pit import Pit


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOptions:
    """What may be asked of policies; each takes what concerns it."""

    accuracy_floor: float = 0.995
    """The share of the reference's accuracy that the mean of all answers keeps."""
    power_cap_w: float | None = None
    rejects_late: bool = True
    """Whether requests that cannot be in time even alone are turned away at once."""
    counts_idle: bool = True
    """Whether what is drawn between batches counts as energy to save."""


PolicyMaker = Callable[[ServiceTable, PolicyOptions], ServingPolicy]


def _fixed(table: ServiceTable, options: PolicyOptions) -> ServingPolicy:
    return Fixed(table, rejects_late=options.rejects_late)


def _batching_only(table: ServiceTable, options: PolicyOptions) -> ServingPolicy:
    return BatchingOnly(table, rejects_late=options.rejects_late)


def _dvfs_only(table: ServiceTable, options: PolicyOptions) -> ServingPolicy:
    return DvfsOnly(table, rejects_late=options.rejects_late, counts_idle=options.counts_idle)


def _batchdvfs(table: ServiceTable, options: PolicyOptions) -> ServingPolicy:
    return BatchDvfs(table, power_cap_w=options.power_cap_w, rejects_late=options.rejects_late)


def _pit(table: ServiceTable, options: PolicyOptions) -> ServingPolicy:
    return Pit(
        table,
        accuracy_floor=options.accuracy_floor,
        rejects_late=options.rejects_late,
        counts_idle=options.counts_idle,
    )


def _fp32_only(table: ServiceTable, options: PolicyOptions) -> ServingPolicy:
    return Pit(table, full_precision_only=True, rejects_late=options.rejects_late, counts_idle=options.counts_idle)


def _eali(table: ServiceTable, options: PolicyOptions) -> ServingPolicy:
    return Eali(table, rejects_late=options.rejects_late, counts_idle=options.counts_idle)


POLICIES: Mapping[str, PolicyMaker] = MappingProxyType(
    {
        "fixed": _fixed,
        "batching-only": _batching_only,
        "dvfs-only": _dvfs_only,
        "batchdvfs": _batchdvfs,
        "pit": _pit,
        "fp32-only": _fp32_only,
        "eali": _eali,
    }
)
