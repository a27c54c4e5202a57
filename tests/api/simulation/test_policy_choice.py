"""Every policy can be asked for by its name, and is what it is called."""

from __future__ import annotations

import pytest

from joulecut.simulation.orders import Rules
from joulecut.simulation.policy_choice import NAMES, chosen_policies, make_policy
from joulecut_core.errors import ConfigError
from tests.api.simulation.made_up import TABLE


def test_names_as_on_the_command_line() -> None:
    """Those that the project promises, each once, in their order or the user's."""
    promised = {"fixed", "batching-only", "dvfs-only", "batchdvfs", "pit", "fp32-only", "eali", "joulecut"}
    assert set(NAMES) >= promised
    assert chosen_policies("all") == NAMES == chosen_policies("fixed,all")
    assert chosen_policies("joulecut, fixed,joulecut") == ("joulecut", "fixed")


@pytest.mark.parametrize("text", ["", "fastest", "fixed,,pit", "Fixed"])
def test_a_name_that_is_none(text: str) -> None:
    """The names there are come with the error."""
    with pytest.raises(ConfigError, match=r"--policy .*; expected all or some of fixed, .*joulecut"):
        chosen_policies(text)


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_is_what_it_is_called(name: str) -> None:
    """Reports carry the name that was asked for; the table is the given one."""
    policy = make_policy(name, TABLE, Rules(slo_s=0.03, accuracy_floor=0.9, power_cap_w=None))
    assert policy.name == name
    assert policy.table is TABLE


def test_rules_that_a_policy_cannot_keep() -> None:
    """An error with the policy's name, not a defect's traceback."""
    with pytest.raises(ConfigError, match="policy joulecut: "):
        make_policy("joulecut", TABLE, Rules(slo_s=0.03, accuracy_floor=1.1, power_cap_w=None))
