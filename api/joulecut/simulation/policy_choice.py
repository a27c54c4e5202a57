"""Serving policies by name: those of others, and joulecut's own."""

from __future__ import annotations

from pathlib import Path

from joulecut.simulation.orders import Rules
from joulecut_core.errors import ConfigError
from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import ServingPolicy
from joulecut_planner.serving.joint.policy import JoulecutPolicy
from joulecut_planner.serving.policies.registry import POLICIES, PolicyOptions
from joulecut_runtime.profiling.store import default_profile_folder

_OURS = JoulecutPolicy.name
_ALL = "all"
NAMES = (*POLICIES, _OURS)
"""In the order in which reports list them."""


def chosen_policies(text: str) -> tuple[str, ...]:
    """The policies named with commas between, each once, or all. Raises ConfigError for a name that is none."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in NAMES and word != _ALL:
            raise ConfigError(f"--policy {text}: no policy {word!r}; expected {_ALL} or some of {', '.join(NAMES)}")
    if _ALL in words:
        return NAMES
    return tuple(dict.fromkeys(words))


def decisions_folder() -> Path:
    """Where the user's cache keeps what joulecut's policy prepares once for a table and a deadline.

    Raises ConfigError where platformdirs is not installed.
    """
    return default_profile_folder() / "decisions"


def make_policy(name: str, table: ServiceTable, rules: Rules) -> ServingPolicy:
    """A fresh policy. Raises ConfigError where it cannot keep the rules with this table."""
    try:
        if name == _OURS:
            return JoulecutPolicy(
                table,
                slo_s=rules.slo_s,
                accuracy_floor=rules.accuracy_floor,
                miss_share=rules.miss_share,
                counts_idle=rules.counts_idle,
                kept=decisions_folder(),
            )
        full = table.variants[0].accuracy
        share = rules.accuracy_floor / full if full > 0.0 else 0.0
        options = PolicyOptions(accuracy_floor=share, power_cap_w=rules.power_cap_w, counts_idle=rules.counts_idle)
        return POLICIES[name](table, options)
    except ValueError as cause:
        raise ConfigError(f"policy {name}: {cause}") from cause
