"""Device files: everything an emulated device is, as TOML, each table with where its values come from.

A table's `basis` is `measured`, `fitted` (our fit of public measurements), `derived` (arithmetic on
published values) or `assumed`; its `source` says which. A file may `extends` another one of the same
folder: tables are merged, lists replaced. Power modes of one board are written that way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.decoding import decode, encode, show
from joulecut_core.documents import read_toml
from joulecut_core.errors import ConfigError
from joulecut_core.workloads import OperationKind
from joulecut_runtime.devices.device_tables import (
    Busy,
    Compute,
    GovernorLaw,
    Host,
    Idle,
    KindLaw,
    Ladder,
    Launch,
    MemoryPath,
    MeterLaw,
    Noise,
    PowerLimit,
    Provenance,
    Settle,
    Thermal,
    Traffic,
)

GPU_KINDS = tuple(kind for kind in OperationKind if not kind.on_host and kind is not OperationKind.VIEW)
"""The kinds a device file describes; a view costs nothing, host kinds stand in the table `host`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFile:
    """One emulated device. Raises ConfigError where its tables do not fit together."""

    name: str
    description: str
    power_scope: str
    ladders: tuple[Ladder, ...]
    compute: Compute
    memory_path: MemoryPath
    launch: Launch
    kinds: Mapping[str, KindLaw]
    host: Host
    idle: tuple[Idle, ...]
    busy: Busy
    traffic: Traffic
    thermal: Thermal
    settle: Settle
    governor: GovernorLaw
    meter: MeterLaw
    noise: Noise
    limit: PowerLimit | None = None

    def __post_init__(self) -> None:
        _check_positive(self)
        _check_kinds(self.kinds)
        memory = [ladder.memory_mhz for ladder in self.ladders]
        if len(set(memory)) != len(memory) or (None in memory and len(memory) > 1):
            raise ConfigError(f"ladders: memory clocks {memory}; expected each once, or a single ladder without any")
        if any(not ladder.clocks_mhz() for ladder in self.ladders):
            raise ConfigError("ladders: one has neither core_mhz nor core_spans; expected at least one core clock")
        if [idle.memory_mhz for idle in self.idle] != memory:
            raise ConfigError(f"idle: expected one table per ladder, in the same order, with memory_mhz {memory}")
        if (self.memory_path.memory_mhz is None) != (None in memory):
            raise ConfigError(
                f"memory_path.memory_mhz: {self.memory_path.memory_mhz!r}; expected a clock where the ladders have "
                "memory clocks, and none where they have none"
            )
        _check_idle_order(self.idle)
        wanted = self.governor.idle_memory_mhz
        if wanted is not None and wanted not in memory:
            raise ConfigError(f"governor.idle_memory_mhz: {wanted!r}; expected one of {memory}")

    @property
    def clock_table(self) -> ClockTable:
        """All operating points."""
        return ClockTable(
            points=tuple(
                OperatingPoint(core_mhz=core_mhz, memory_mhz=ladder.memory_mhz)
                for ladder in self.ladders
                for core_mhz in ladder.clocks_mhz()
            )
        )

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits over every value: a changed file is another device to a profile."""
        text = json.dumps(encode(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def provenance(self) -> Mapping[str, str]:
        """For each table, "basis: source"."""
        notes = {name: f"{table.basis.value}: {table.source}" for name, table in _tables(self)}
        return dict(sorted(notes.items()))


def load_device_file(path: Path) -> DeviceFile:
    """The device in a TOML file; raises ConfigError naming the file and the key."""
    try:
        return decode(DeviceFile, _merged(path, may_extend=True), error=ConfigError)
    except ConfigError as error:
        message = str(error)
        raise ConfigError(message if str(path) in message else f"{path}: {message}") from error


def _merged(path: Path, *, may_extend: bool) -> dict[str, Any]:
    data = dict(read_toml(path, ConfigError))
    base_name = data.pop("extends", None)
    if base_name is None:
        return data
    if not may_extend or not isinstance(base_name, str) or Path(base_name).name != base_name:
        raise ConfigError(
            f"{path}: extends: {show(base_name)}; expected the stem of a file beside it that extends no other"
        )
    return _overlaid(_merged(path.with_name(f"{base_name}.toml"), may_extend=False), data)


def _overlaid(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _overlaid(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _tables(file: DeviceFile) -> list[tuple[str, Provenance]]:
    tables: list[tuple[str, Provenance]] = []
    for name in DeviceFile.__dataclass_fields__:
        value = getattr(file, name)
        if isinstance(value, Provenance):
            tables.append((name, value))
        elif isinstance(value, Mapping):
            tables += [(f"{name}.{key}", item) for key, item in value.items()]
        elif isinstance(value, tuple):
            tables += [(f"{name}[{index}]", item) for index, item in enumerate(value)]
    return tables


_MAY_BE_ZERO = frozenset(
    {
        "launch_s",
        "fill_cycles",
        "overhead_s",
        "extra_w",
        "core_w",
        "stall_activity",
        "launch_activity",
        "joules_per_byte",
        "core_s",
        "memory_s",
        "time",
        "block_time",
        "power",
        "noise",
        "activity",
        "temperature_c",
    }
)


def _check_positive(file: DeviceFile) -> None:
    for name, table in _tables(file):
        for key, value in encode(table).items():
            if isinstance(value, float) and (value < 0 or (value == 0 and key not in _MAY_BE_ZERO)):
                least = "at least 0" if key in _MAY_BE_ZERO else "more than 0"
                raise ConfigError(f"{name}.{key}: {value!r}; expected {least}")


def _check_kinds(kinds: Mapping[str, KindLaw]) -> None:
    expected = {kind.value for kind in GPU_KINDS}
    if set(kinds) != expected:
        wrong = sorted(expected.symmetric_difference(kinds))
        raise ConfigError(
            f"kinds: {', '.join(wrong)[:200]} missing or unknown; expected exactly {', '.join(sorted(expected))}"
        )
    for name, law in kinds.items():
        if law.compute_efficiency > 1 or law.memory_efficiency > 1:
            raise ConfigError(f"kinds.{name}: efficiencies are shares of peak; expected at most 1")


def _check_idle_order(idle: tuple[Idle, ...]) -> None:
    for lower, upper in pairwise(sorted(idle, key=lambda table: table.memory_mhz or 0.0)):
        if lower.floor_w > upper.floor_w:
            raise ConfigError(
                f"idle: {lower.floor_w:g} W at {lower.memory_mhz} MHz is more than at {upper.memory_mhz} MHz"
            )
