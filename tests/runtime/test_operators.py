"""The whitelist: every operator on it exists, is functional, and gives one tensor."""

from __future__ import annotations

import pytest
import torch

from joulecut_core.errors import BundleError
from joulecut_runtime.operators import OPERATORS, resolve


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_whitelisted(name: str) -> None:
    """Nothing on the list changes memory, writes elsewhere or gives more than one tensor."""
    operator = resolve(name)
    schema = operator._schema
    assert not schema.is_mutable
    assert [str(result.type) for result in schema.returns] == ["Tensor"]
    parameters = {parameter.name for parameter in schema.arguments}
    assert set(OPERATORS[name].pinned) <= parameters
    assert not {"out", "generator"} & parameters


def test_random_operators_are_pinned() -> None:
    """An operator that may draw random numbers is only on the list with that turned off."""
    random = {name for name in OPERATORS if torch.Tag.nondeterministic_seeded in resolve(name).tags}
    assert random == {name for name, operator in OPERATORS.items() if "dropout_p" in operator.pinned}


def test_not_whitelisted() -> None:
    """An operator that torch has but the list has not is refused."""
    with pytest.raises(BundleError, match=r"'aten\.bernoulli\.default' is not one that joulecut runs"):
        resolve("aten.bernoulli.default")
