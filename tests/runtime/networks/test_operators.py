"""The whitelist: every operator on it exists, is functional, and gives one tensor, or is one item of several."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from joulecut_core.errors import BundleError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.networks.graph import Argument, Node, Value
from joulecut_runtime.networks.operators import OPERATORS, overload, resolve
from joulecut_runtime.networks.signatures import bind


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_whitelisted(name: str) -> None:
    """Nothing on the list changes memory, writes elsewhere or gives more than one tensor."""
    schema = overload(name)._schema
    assert not schema.is_mutable
    _, _, item = name.partition("[")
    results = [str(result.type) for result in schema.returns]
    assert results[int(item[:-1]) if item else 0] == "Tensor"
    assert (len(results) > 1) == bool(item)
    parameters = {parameter.name for parameter in schema.arguments}
    assert set(OPERATORS[name].pinned) <= parameters
    assert not {"out", "generator"} & parameters


def test_random_operators_are_pinned() -> None:
    """An operator that may draw random numbers is only on the list with that turned off."""
    random = {name for name in OPERATORS if torch.Tag.nondeterministic_seeded in overload(name).tags}
    assert random == {name for name, operator in OPERATORS.items() if {"dropout_p", "train"} & set(operator.pinned)}


def test_items_fill_their_memory() -> None:
    """An item lies without gaps, whatever its kernel left: so it may cross a link, and comes back as it was."""
    values = resolve("aten.max.dim[0]")(torch.arange(24.0).view(2, 3, 4).permute(2, 1, 0), 0)
    assert values.is_contiguous()
    assert resolve("aten.max.dim[1]").__name__ == "aten_max_dim_item_1"


@pytest.mark.parametrize(
    ("operator", "keywords", "complaint"),
    [
        ("aten.grid_sampler.default", {"interpolation_mode": 3}, "interpolation_mode is 3; expected 0 or 1 or 2"),
        ("aten.grid_sampler.default", {"padding_mode": -1}, "padding_mode is -1"),
        ("aten.div.Tensor_mode", {"rounding_mode": "trunc"}, "rounding_mode is 'trunc'; expected 'floor'"),
        ("aten.index_put.default", {"accumulate": True}, "accumulate is True; expected False"),
        ("aten.lstm.input[0]", {"train": True}, "train is True; expected False"),
    ],
)
def test_what_a_kernel_would_take_badly(operator: str, keywords: dict[str, Argument], complaint: str) -> None:
    """Arguments that end a process, leave memory unwritten or depend on a GPU's timing are refused."""
    known: Mapping[str, Argument] = {
        "interpolation_mode": 0,
        "padding_mode": 0,
        "align_corners": False,
        "indices": (Value(name="i"),),
        "hx": (Value(name="h"), Value(name="c")),
        "params": (),
        "has_biases": True,
        "num_layers": 1,
        "dropout": 0.0,
        "bidirectional": False,
        "batch_first": True,
    }
    parameters = [each.name for each in overload(operator)._schema.arguments]
    arguments = {name: known.get(name, Value(name="x")) for name in parameters if name not in {"accumulate"}}
    node = Node(
        name="n",
        operator=operator,
        arguments=(),
        keywords={**arguments, **keywords},
        output=TensorSpec(name="n", dtype="float32", shape=(1,)),
        module="",
    )
    with pytest.raises(BundleError, match=complaint):
        bind(node)


def test_not_whitelisted() -> None:
    """An operator that torch has but the list has not is refused."""
    with pytest.raises(BundleError, match=r"'aten\.bernoulli\.default' is not one that joulecut runs"):
        resolve("aten.bernoulli.default")
