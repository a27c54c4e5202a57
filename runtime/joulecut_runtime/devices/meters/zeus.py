"""A second opinion on a GPU's joules: ZeusMonitor over the same seconds, in a process of its own.

Zeus (Apache-2.0, the `zeus` extra) brings half a gigabyte of packages and state of its own; a child keeps both out of
the agents. What is compared is mean draw: the two windows are a few meter periods apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from joulecut_core.devices import Device
from joulecut_core.energy import EnergyWindow, read_at_tick, window_between
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.timing import Clock

_CHILD = "joulecut_runtime.devices.meters.zeus_window"
_PATIENCE_S = 60.0
"""How long Zeus may take to be imported and to answer, beside the window itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossCheck:
    """What both said of the same GPU over the same seconds. `zeus` is None where it could not say: see `absent`."""

    device: str
    ours: EnergyWindow
    zeus: EnergyWindow | None
    absent: str | None = None

    @property
    def difference(self) -> float | None:
        """By which share of Zeus' draw ours is higher; None without Zeus, or where Zeus saw no draw."""
        if self.zeus is None or self.zeus.energy_j <= 0:
            return None
        return self.ours.power_w / self.zeus.power_w - 1

    def __str__(self) -> str:
        """Both figures and their difference on one line."""
        ours = f"{self.device}: joulecut {_shown(self.ours)}"
        if self.zeus is None:
            return f"{ours}; no second opinion: {self.absent}"
        share = self.difference
        return f"{ours}; Zeus {_shown(self.zeus)}; " + (
            "Zeus saw no draw" if share is None else f"joulecut reads {100 * share:+.2f} %"
        )


def cross_check(
    device: Device, clock: Clock, *, gpu: int, duration_s: float = 5.0, environment: Mapping[str, str] | None = None
) -> CrossCheck:
    """Measure `device` and, by Zeus, GPU `gpu` (NVML's index) for so long; what runs on it meanwhile is the caller's.

    `environment`: of the child; this process' own where None. Raises DeviceError where the device has no meter or the
    child fails, ConfigError for a window too short to compare.
    """
    period_s = device.info.meter_period_s
    if period_s is not None and duration_s < 20 * period_s:
        raise ConfigError(f"duration_s: {duration_s:g}; expected at least 20 periods of the meter, {20 * period_s:g} s")
    # Zeus counts the GPUs that CUDA is shown; NVML's index is meant here.
    variables = {key: text for key, text in (environment or os.environ).items() if key != "CUDA_VISIBLE_DEVICES"}
    command = [sys.executable, "-m", _CHILD, str(gpu), str(duration_s)]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as complaints,
        subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, env=variables
        ) as child,
    ):
        too_late = threading.Timer(_PATIENCE_S + duration_s, child.kill)
        too_late.start()
        try:
            return _compare(child, complaints, device, clock, duration_s)
        finally:
            too_late.cancel()
            child.kill()


def _compare(
    child: subprocess.Popen[str], complaints: IO[str], device: Device, clock: Clock, duration_s: float
) -> CrossCheck:
    answer = _line(child, complaints)
    if "ready" in answer:
        _tell(child.stdin)
        answer = _line(child, complaints)
    begin = read_at_tick(device, clock)
    clock.sleep_until_s(begin.time_s + duration_s)
    ours = window_between(begin, read_at_tick(device, clock))
    if "begun" in answer:
        answer = _line(child, complaints)
    zeus = None
    if "energy_j" in answer:
        zeus = EnergyWindow(duration_s=_number(answer, "duration_s"), energy_j=_number(answer, "energy_j"))
    absent = None if zeus is not None else str(answer.get("absent", answer))
    return CrossCheck(device=device.info.name, ours=ours, zeus=zeus, absent=absent)


def _line(child: subprocess.Popen[str], complaints: IO[str]) -> dict[str, object]:
    text = "" if child.stdout is None else child.stdout.readline()
    try:
        answer = json.loads(text)
    except ValueError as error:
        child.kill()
        child.wait()
        complaints.seek(0)
        said = complaints.read().strip().splitlines()
        raise DeviceError(
            f"the process that runs Zeus answered {text.strip()!r}: {said[-1] if said else 'no message'}; "
            "expected a window: see whether Zeus measures this GPU by itself"
        ) from error
    return dict(answer) if isinstance(answer, dict) else {}


def _tell(stdin: IO[str] | None) -> None:
    if stdin is not None:
        stdin.write("\n")
        stdin.flush()


def _number(answer: Mapping[str, object], key: str) -> float:
    value = answer.get(key)
    if not isinstance(value, (int, float)):
        raise DeviceError(f"the process that runs Zeus answered {key}: {value!r}; expected a number")
    return float(value)


def _shown(window: EnergyWindow) -> str:
    return f"{window.energy_j:.2f} J in {window.duration_s:.2f} s ({window.power_w:.2f} W)"
