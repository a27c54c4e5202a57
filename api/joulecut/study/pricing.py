"""Revenue as a study uses it: which formula, which deadline, against which default."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from joulecut_core.errors import ConfigError
from joulecut_planner.studies import REVENUES, RevenueCase, RevenueModel, SettingCost

_SLO_FACTOR = 5.0
"""The deadline where none is given: a few times what a lone request takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """A revenue model and its deadline; `slo_s` None: some multiple of each network's default latency."""

    model: RevenueModel
    slo_s: float | None

    def __post_init__(self) -> None:
        if self.slo_s is not None and not (math.isfinite(self.slo_s) and self.slo_s > 0):
            raise ConfigError(f"--slo-ms {1e3 * self.slo_s:g}; expected milliseconds, more than 0")

    @property
    def slo_rule(self) -> str:
        """Where the deadline comes from, in words."""
        if self.slo_s is not None:
            return f"SLO: {1e3 * self.slo_s:g} ms, as given"
        return f"SLO: {_SLO_FACTOR:g} times the network's latency at the default setting"

    def deadline_s(self, default: SettingCost) -> float:
        """The deadline of a network."""
        return _SLO_FACTOR * default.latency_s if self.slo_s is None else self.slo_s

    def revenue(self, cost: SettingCost, default: SettingCost) -> float | None:
        """Revenue of a setting; None where joules are unknown. Raises ConfigError where the formula gives no number."""
        if cost.images_per_joule is None or default.images_per_joule is None:
            return None
        case = RevenueCase(
            images_per_joule=cost.images_per_joule,
            latency_s=cost.latency_s,
            default_images_per_joule=default.images_per_joule,
            default_latency_s=default.latency_s,
            slo_s=self.deadline_s(default),
        )
        try:
            value = float(self.model.function(case))
        except Exception as cause:  # a user's function may raise anything
            raise ConfigError(f"revenue {self.model.name} failed: {type(cause).__name__}: {cause}") from cause
        if not (math.isfinite(value) and value > 0):
            raise ConfigError(f"revenue {self.model.name} is {value!r} for {case}; expected a positive number")
        return value


def find_revenue(reference: str) -> RevenueModel:
    """A registered formula by name, or a function "package.module:function" of a `RevenueCase`.

    The function's docstring is shown as its formula. Raises ConfigError.
    """
    if reference in REVENUES:
        return REVENUES[reference]
    module_name, colon, function_name = reference.partition(":")
    if not colon:
        raise ConfigError(f"--revenue {reference!r}; expected {', '.join(REVENUES)}, or package.module:function")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        function: Any = getattr(importlib.import_module(module_name), function_name)
    except Exception as cause:  # the user's module may raise anything while it is imported
        raise ConfigError(f"--revenue {reference}: {type(cause).__name__}: {cause}") from cause
    if not callable(function):
        raise ConfigError(f"--revenue {reference}: {function_name} is no function; expected one of a RevenueCase")
    priced = cast("Callable[[RevenueCase], float]", function)
    first_line = (function.__doc__ or "").strip().partition("\n")[0]
    return RevenueModel(name=reference, formula=first_line or f"as {reference} computes it", function=priced)
