"""What an edge wants of its plans, and how tools change it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.errors import ConfigError, ContractError
from joulecut_core.problems import Objective, Slo
from joulecut_edge.config import EdgeConfig, PlanningOptions
from joulecut_edge.plans.wishes import Wishes
from joulecut_planner import Policy
from joulecut_planner.tails import TailMethod
from joulecut_proto.local_messages import ReplanRequest

SLO = Slo(latency_s=0.1, quantile=0.99, rate_hz=5.0)
WISHES = Wishes.from_config(
    EdgeConfig(device="emulated:orin-nano-15w", bundle="b", slo=SLO, max_accuracy_loss=0.02, policy="energy-cut")
)


def test_a_configuration_becomes_wishes() -> None:
    """The terms an edge starts with are its configuration's."""
    assert Wishes(policy=Policy.ENERGY_CUT, objective=Objective(), slo=SLO, max_accuracy_loss=0.02) == WISHES


def test_a_request_changes_what_it_names() -> None:
    """Terms that a request leaves open stay; zero and an empty service level count as named."""
    assert WISHES.changed_by(ReplanRequest()) == WISHES
    battery = Objective(server_weight=0.0)
    changed = WISHES.changed_by(ReplanRequest(policy="joint", objective=battery, slo=Slo(), max_accuracy_loss=0.0))
    assert changed == Wishes(policy=Policy.JOINT, objective=battery, slo=Slo(), max_accuracy_loss=0.0)


def test_an_unknown_policy_is_named_with_those_there_are() -> None:
    """A typing error in a policy's name is told in one line, with the names that would do."""
    with pytest.raises(ContractError, match=r"policy: 'jiont'; expected one of all-edge, .*joint"):
        WISHES.changed_by(ReplanRequest(policy="jiont"))
    with pytest.raises(ConfigError, match="policy: 'best'"):
        Wishes.from_config(EdgeConfig(device="emulated:t4", bundle="b", policy="best"))


def test_a_tail_is_part_of_the_wishes() -> None:
    """The configuration's tail is kept through changes at run time; an unknown one is named with those there are."""
    config = EdgeConfig(device="emulated:t4", bundle="b", planning=PlanningOptions(tail="empirical"))
    wishes = Wishes.from_config(config)
    assert wishes.tail_method is TailMethod.EMPIRICAL
    assert wishes.changed_by(ReplanRequest(policy="joint")).tail_method is TailMethod.EMPIRICAL
    assert WISHES.tail_method is None
    with pytest.raises(ConfigError, match=r"planning\.tail: 'weibull'; expected one of gaussian, .*pareto, or none"):
        Wishes.from_config(replace(config, planning=PlanningOptions(tail="weibull")))
