"""Cut tables: tensors that cross and blocks between cuts."""

from __future__ import annotations

import pytest

from joulecut_core.networks import DTYPES, Block, Cut, CutTable, TensorSpec
from joulecut_core.workloads import Operation, OperationKind, Workload

PICTURE = TensorSpec(name="picture", dtype="uint8", shape=(1, 3, 224, 224))
FEATURES = TensorSpec(name="features", dtype="float32", shape=(1, 16, 112, 112))
SKIP = TensorSpec(name="skip", dtype="float16", shape=(1, 8, 7, 7))
LOGITS = TensorSpec(name="logits", dtype="float32", shape=(1, 1000))

CONVOLUTION = Operation(kind=OperationKind.CONVOLUTION, flops=10e6, size_bytes=1e6)
ADDITION = Operation(kind=OperationKind.ELEMENTWISE, flops=1e3, size_bytes=2e3)


def cut_table(cuts: tuple[Cut, ...], blocks: tuple[Block, ...]) -> CutTable:
    return CutTable(network="tiny", digest="sha256:0", inputs=(PICTURE,), outputs=(LOGITS,), cuts=cuts, blocks=blocks)


def test_sizes_follow_element_types() -> None:
    """A u8 picture is a quarter of the same picture in float32."""
    assert PICTURE.size_bytes == 150_528
    assert FEATURES.size_bytes == 4 * FEATURES.elements == 802_816
    assert TensorSpec(name="scalar", dtype="int64", shape=()).size_bytes == 8
    assert TensorSpec(name="none", dtype="float32", shape=(0, 4)).size_bytes == 0


def test_a_cut_sums_the_set_that_crosses() -> None:
    """Skip connections cross too."""
    assert Cut(index=1, name="stem", tensors=(FEATURES, SKIP)).size_bytes == 802_816 + 784
    assert Cut(index=2, name="output", tensors=()).size_bytes == 0


def test_block_sums_its_operations() -> None:
    """A block's FLOPs and bytes are those of its operations."""
    block = Block(index=0, name="stem", operations=(CONVOLUTION, ADDITION))
    assert block.flops == 10_001_000
    assert block.size_bytes == 1_002_000


def test_table_counts() -> None:
    """The last cut leaves everything on the edge; one block lies between each two cuts."""
    table = cut_table(
        (Cut(index=0, name="input", tensors=(PICTURE,)), Cut(index=1, name="output", tensors=())),
        (Block(index=0, name="all", operations=(CONVOLUTION,)),),
    )
    assert table.last == 1


@pytest.mark.parametrize(("cuts", "blocks"), [(1, 0), (2, 2), (3, 1)])
def test_counts_must_fit(cuts: int, blocks: int) -> None:
    """A table with a block too many or too few is a defect of whoever made it."""
    with pytest.raises(ValueError, match=f"{cuts} cuts and {blocks} blocks"):
        cut_table(
            tuple(Cut(index=index, name=str(index), tensors=()) for index in range(cuts)),
            tuple(Block(index=index, name=str(index), operations=()) for index in range(blocks)),
        )


def test_spec_reads_as_people_write_it() -> None:
    """Messages about shapes name type and shape."""
    assert str(PICTURE) == "uint8[1, 3, 224, 224]"


def test_no_object_or_complex_types_cross() -> None:
    """The list of element types that may cross a process border is closed."""
    assert {"uint8", "float16", "float32", "int64"} < DTYPES
    assert not DTYPES & {"object", "complex64", "string"}


def test_workload_keeps_blocks_apart() -> None:
    """A workload is a sequence of blocks; its totals run over all of them."""
    workload = Workload(blocks=((CONVOLUTION,), (), (ADDITION, CONVOLUTION)))
    assert workload.operations == (CONVOLUTION, ADDITION, CONVOLUTION)
    assert workload.flops == 20_001_000
    assert workload.size_bytes == 2_002_000


@pytest.mark.parametrize("kind", OperationKind)
def test_host_work_is_told_from_device_work(kind: OperationKind) -> None:
    """Codecs run on the host's CPU while the GPU waits."""
    assert kind.on_host is kind.name.startswith("HOST_")
