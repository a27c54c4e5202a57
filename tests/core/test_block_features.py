"""Features of blocks: work told apart by kind, nothing lost, nonsense refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.block_features import BlockFeatures, KindWork, work_by_kind
from joulecut_core.workloads import Operation, OperationKind

OPERATIONS = (
    Operation(kind=OperationKind.ELEMENTWISE, flops=3.0, size_bytes=30.0),
    Operation(kind=OperationKind.CONVOLUTION, flops=1000.0, size_bytes=200.0),
    Operation(kind=OperationKind.VIEW, flops=0.0, size_bytes=0.0),
    Operation(kind=OperationKind.ELEMENTWISE, flops=4.0, size_bytes=40.0),
)
BLOCK = BlockFeatures(
    name="stem",
    batch=1,
    kinds=work_by_kind(OPERATIONS),
    input_bytes=10,
    output_bytes=20,
    output_shape=(1, 5),
    weight_bytes=100,
)


def test_work_is_summed_by_kind_in_one_order() -> None:
    """Equal blocks have equal features, whatever the order of their operations; views are no work."""
    expected = (
        KindWork(kind=OperationKind.CONVOLUTION, operations=1, flops=1000.0, size_bytes=200.0),
        KindWork(kind=OperationKind.ELEMENTWISE, operations=2, flops=7.0, size_bytes=70.0),
    )
    assert work_by_kind(OPERATIONS) == work_by_kind(reversed(OPERATIONS)) == expected
    assert work_by_kind(OPERATIONS[2:3]) == ()


def test_totals_are_those_of_the_operations() -> None:
    """A block's arithmetic and traffic are its kinds' together."""
    assert (BLOCK.operations, BLOCK.flops, BLOCK.size_bytes) == (3, 1007.0, 270.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 0}, "expected a batch of at least 1"),
        ({"weight_bytes": -1}, "no negative size"),
        ({"output_shape": (1, -5)}, "no negative size"),
        ({"kinds": (*BLOCK.kinds, BLOCK.kinds[0])}, "each at most once"),
        ({"kinds": (replace(BLOCK.kinds[0], flops=-1.0),)}, "negative work"),
    ],
)
def test_nonsense_is_refused(change: dict[str, object], message: str) -> None:
    """A block read from a file is one that could exist."""
    with pytest.raises(ValueError, match=message):
        replace(BLOCK, **change)  # type: ignore[arg-type]  # any field
