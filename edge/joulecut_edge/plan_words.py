"""The words by which a configuration names policies and tails.

Written down, since asking the planner loads it while somebody holds a key, or only wants to see a configuration.
"""

from __future__ import annotations

from joulecut_core.errors import ConfigError

POLICIES = ("all-edge", "all-server", "latency-cut", "energy-cut", "edge-clock", "governor", "cpu-dvfs", "joint")
TAILS = ("gaussian", "cantelli", "empirical", "pareto")


def check_plan_words(*, policy: str, tail: str) -> None:
    """Raise ConfigError where no plan could be made by them; an empty tail stands for means and standard deviations."""
    if policy not in POLICIES:
        raise ConfigError(f"policy: {policy[:40]!r}; expected one of {', '.join(POLICIES)}")
    if tail and tail not in TAILS:
        raise ConfigError(f"planning.tail: {tail[:40]!r}; expected one of {', '.join(TAILS)}, or none")
