"""A second opinion on a Jetson's watts: jtop over the same seconds, in a process of its own.

jetson-stats (AGPL, the `jetson` extra) forces the fork start method when imported, so it never is in ours. Both read
the same monitors; what differs is scaling, scope and when.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from joulecut_core.devices import DeviceState
from joulecut_core.errors import DeviceError
from joulecut_runtime.devices.jetson.probe import JetsonProbe

_CHILD = "joulecut_runtime.devices.jetson.jtop_readings"
_PATIENCE_S = 60.0
"""On the wall, for starting jtop; its own interval is a second by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JtopComparison:
    """Mean watts of the same scope by both. `jtop_w` is None where jtop could not say: see `absent`."""

    scope: str
    ours_w: float | None
    jtop_w: float | None
    absent: str | None = None

    @property
    def difference(self) -> float | None:
        """By which share of jtop's watts ours are higher; None without both."""
        if self.ours_w is None or not self.jtop_w:
            return None
        return self.ours_w / self.jtop_w - 1

    def __str__(self) -> str:
        """Both figures and their difference on one line."""
        if self.difference is None:
            return f"{self.scope}: no second opinion: {self.absent}"
        return f"{self.scope}: joulecut {self.ours_w:.3f} W, jtop {self.jtop_w:.3f} W: {100 * self.difference:+.2f} %"


def compare_with_jtop(
    probe: JetsonProbe, *, readings: int = 5, environment: Mapping[str, str] | None = None
) -> JtopComparison:
    """Mean watts of the probe's scope while jtop takes so many readings of the same rails.

    `environment`: of the child; this process' own where None. Raises DeviceError where the probe has no meter, or the
    child neither answers nor says why.
    """
    scope = probe.energy_scope
    if scope is None:
        raise DeviceError(f"{probe.info.name} has no power rails to compare with jtop's")
    child = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", _CHILD, str(readings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=dict(environment if environment is not None else os.environ),
    )
    too_late = threading.Timer(_PATIENCE_S + 2 * readings, child.kill)
    too_late.start()
    try:
        with child:
            answer = _answer(child.stdout)
            if "absent" in answer:
                return JtopComparison(scope=scope.name, ours_w=None, jtop_w=None, absent=str(answer["absent"]))
            begin = probe.read()
            answer = _answer(child.stdout)
            ours_w = _mean_w(begin, probe.read())
    finally:
        too_late.cancel()
    jtop_w = _sum_w(answer.get("rails"), [rail.label for rail in scope.rails])
    absent = str(answer.get("absent", "jtop does not show these rails")) if jtop_w is None else None
    return JtopComparison(scope=scope.name, ours_w=ours_w, jtop_w=jtop_w, absent=absent)


def _answer(output: IO[str] | None) -> dict[str, object]:
    line = "" if output is None else output.readline()
    try:
        found: dict[str, object] = json.loads(line)
    except ValueError as error:
        raise DeviceError(
            f"the jtop child said {line!r}; expected one line of JSON: is jtop.service healthy?"
        ) from error
    return found


def _mean_w(begin: DeviceState, end: DeviceState) -> float | None:
    if begin.energy_j is None or end.energy_j is None or begin.energy_time_s is None or end.energy_time_s is None:
        return None
    duration_s = end.energy_time_s - begin.energy_time_s
    return (end.energy_j - begin.energy_j) / duration_s if duration_s > 0 else end.power_w


def _sum_w(rails: object, labels: list[str]) -> float | None:
    if not isinstance(rails, dict) or not all(rails.get(label) for label in labels):
        return None
    return sum(sum(rails[label]) / len(rails[label]) / 1000 for label in labels)
