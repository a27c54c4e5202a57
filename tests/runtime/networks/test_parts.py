"""Parts: two of them make the whole, whatever memory the tensors come in, and wrong tensors are refused."""

from __future__ import annotations

import pytest
import torch

from joulecut_core.errors import ContractError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.network import Network
from tests.networks.receiving import over_the_wire
from tests.networks.small_modules import Skips

INPUTS = (
    torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1)),
    torch.randn(1, 5, generator=torch.Generator().manual_seed(2)),
)


@pytest.fixture(name="network", scope="module")
def _network() -> Network:
    torch.manual_seed(5)
    return Network(capture(Skips(), INPUTS, name="skips", fold=False))


def test_head_and_tail_are_the_whole(network: Network) -> None:
    """Two inputs, two outputs and skips: every cut gives the eager module's answer to the bit."""
    torch.manual_seed(5)
    with torch.no_grad():
        expected = Skips().eval()(*INPUTS)
    assert network.table.last >= 3
    assert max(len(cut.tensors) for cut in network.table.cuts) >= 3
    for cut in range(1, network.table.last):
        answer = network.tail(cut)(over_the_wire(network.head(cut)(INPUTS)))
        assert all(torch.equal(a, b) for a, b in zip(answer, expected, strict=True))


def test_steps_chain(network: Network) -> None:
    """Step k takes the tensors of cut k and gives those of cut k + 1; together they do the network's work."""
    tensors: tuple[torch.Tensor, ...] = INPUTS
    for cut, step in enumerate(network.steps()):
        assert step.inputs == network.table.cuts[cut].tensors
        tensors = step(tensors)
        assert tuple(tuple(tensor.shape) for tensor in tensors) == tuple(spec.shape for spec in step.outputs)
    assert all(torch.equal(a, b) for a, b in zip(tensors, network.whole(INPUTS), strict=True))
    parts = [network.head(2), network.tail(2)]
    assert sum(part.workload.flops for part in parts) == network.whole.workload.flops
    assert [len(part.workload.blocks) for part in parts] == [2, network.table.last - 2]


def test_parts_are_kept_and_share_weights(network: Network) -> None:
    """Asking again costs nothing, and a part holds no second copy of the weights."""
    assert network.head(1) is network.head(1)
    assert network.steps()[0] is network.head(1)
    stored = {tensor.data_ptr() for tensor in network.graph.constants.values()}
    held = {tensor.data_ptr() for part in network.steps() for tensor in part.buffers()}
    assert held
    assert held <= stored


def test_odd_memory(network: Network) -> None:
    """Tensors that are not contiguous or lie at odd addresses give the same answer."""
    expected = network.whole(INPUTS)
    raw = torch.zeros(INPUTS[0].numel() + 1)
    shifted = raw[1:].view(INPUTS[0].shape).copy_(INPUTS[0])
    permuted = INPUTS[0].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    for picture in (shifted, permuted):
        answer = network.whole((picture, INPUTS[1]))
        assert all(torch.equal(a, b) for a, b in zip(answer, expected, strict=True))


@pytest.mark.parametrize(
    ("tensors", "complaint"),
    [
        (INPUTS[:1], "1 tensors; expected 2"),
        ((INPUTS[0].double(), INPUTS[1]), r"float64\[1, 3, 8, 8\] for 'picture'; expected float32"),
        ((INPUTS[0], INPUTS[1][:, :4]), r"float32\[1, 4\] for 'offset'; expected float32\[1, 5\]"),
    ],
    ids=["number", "element type", "shape"],
)
def test_wrong_tensors(network: Network, tensors: tuple[torch.Tensor, ...], complaint: str) -> None:
    """What does not fit is refused before anything runs, with what was given and what was expected."""
    with pytest.raises(ContractError, match=complaint):
        network.whole.check_inputs(tensors)
    network.whole.check_inputs(INPUTS)
