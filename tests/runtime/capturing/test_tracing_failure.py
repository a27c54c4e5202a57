"""Networks that cannot be captured: the error names module, line, shapes and what to do, and nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from joulecut_core.errors import CaptureError
from joulecut_runtime.capturing.capture import capture
from tests.networks.small_modules import Nesting

_HERE = Path(__file__).name


class _Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x
        return -x


class _Counted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, : int(x[0, 0].item())]


class _Keeping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0]


class _Adding(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.ones(7)


class _Leaky(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.rrelu(x, training=False)


class _Leaking(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.rrelu(x, training=True)


def _line_of(code: str) -> int:
    return 1 + next(at for at, line in enumerate(Path(__file__).read_text().splitlines()) if line.strip() == code)


def _refusal(module: nn.Module, *inputs: Tensor) -> str:
    with pytest.raises(CaptureError) as refused:
        capture(module, inputs, name="net")
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("module", "code", "words"),
    [
        (_Branching(), "if x.sum() > 0:", ("'outer.1' (_Branching, given float32[2, 4])", "torch.where")),
        (_Counted(), "return x[:, : int(x[0, 0].item())]", ("'outer.1'", "depends on tensor values")),
        (_Keeping(), "return x[x > 0]", ("'outer.1'", "which depends on tensor values", "torch.topk")),
        (_Adding(), "return x + torch.ones(7)", ("'outer.1' (_Adding, given float32[2, 4])", "[7]", "[2, 4]")),
    ],
    ids=["decision", "number", "selection", "shapes"],
)
def test_the_line_is_named_and_torch_is_silent(
    module: nn.Module, code: str, words: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    """The line is the user's own, and neither logs nor half a graph stand on standard error."""
    message = _refusal(Nesting(module), torch.ones(2, 4))
    for word in (f"{_HERE}:{_line_of(code)} (`{code}`)", *words):
        assert word in message
    assert capfd.readouterr() == ("", "")


class _Packing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.GRU(4, 8, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        last: Tensor = self.layer(packed)[1]
        return last


class _Always(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.5)


class _Transformed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        lengths: Tensor = torch.fft.rfft(x).abs()
        return lengths


class _Summing(nn.Module):
    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        return torch.zeros(4, 4).index_add(0, places, x)


class _Counting(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        return x * 2, 3


@dataclass
class _Answer:
    logits: Tensor


class _Answering(nn.Module):
    def forward(self, x: Tensor) -> _Answer:
        return _Answer(x * 2)


@pytest.mark.parametrize(
    ("module", "inputs", "words"),
    [
        (_Packing(), (torch.ones(1, 5, 4), torch.tensor([3])), ("'layer'", "packed sequence", "padded ones")),
        (_Always(), (torch.ones(2, 4),), ("drops at random", "self.training", "return functional.dropout(x, 0.5)")),
        (_Transformed(), (torch.ones(2, 4),), ("complex numbers", "torch.fft.rfft(x)")),
        (_Summing(), (torch.ones(2, 4), torch.tensor([0, 0])), ("index_add", "whatever order", "torch.matmul")),
        (_Counting(), (torch.ones(2, 4),), ("an output is 3", "tensors only")),
        (_Answering(), (torch.ones(2, 4),), ("_Answer", "tuples, lists and dictionaries")),
        (nn.EmbeddingBag(5, 2), (torch.tensor([1, 2]), torch.tensor([0, 1])), ("bags", "two dimensions")),
    ],
    ids=["packed", "dropout", "complex", "summing", "number", "class", "bags"],
)
def test_what_stays_refused(module: nn.Module, inputs: tuple[Tensor, ...], words: tuple[str, ...]) -> None:
    """The reason is the user's, not torch's, with the place in the user's code and what to do instead."""
    message = _refusal(module, *inputs)
    for word in words:
        assert word in message


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_torchscript() -> None:
    """Compiled modules have no code left to trace."""
    assert "give the torch.nn.Module" in _refusal(torch.jit.script(nn.ReLU()), torch.ones(2, 4))


def test_what_only_may_be_random() -> None:
    """An operator that draws in training only is refused as unknown in evaluation mode, and as random else."""
    assert "whitelist" in _refusal(_Leaky(), torch.ones(2, 4))
    assert "is random" in _refusal(_Leaking(), torch.ones(2, 4))


def test_dropouts_of_every_kind() -> None:
    """In evaluation mode all of them are nothing."""
    layers = (nn.Dropout2d(0.5), nn.AlphaDropout(0.5), nn.FeatureAlphaDropout(0.5), nn.ReLU())
    graph = capture(nn.Sequential(*layers), [torch.ones(1, 3, 4, 4)], name="dropping")
    assert [node.operator for node in graph.nodes] == ["aten.relu.default"]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Conv2d(3, 4, 3), (1, 3, 8, 8)), (nn.Linear(4, 2), (1, 4))], ids=["conv", "linear"]
)
def test_inputs_of_another_type(layer: nn.Module, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Pictures as bytes, numpy's float64: what to write is said, also where torch traces what it cannot compute."""
    message = _refusal(nn.Sequential(layer), torch.zeros(shape, dtype=dtype))
    for word in ("'0'", str(dtype).removeprefix("torch."), "x.to(torch.float32)", "--input f32:"):
        assert word in message


def test_indices_as_floats() -> None:
    """An embedding's indices are whole numbers."""
    message = _refusal(nn.Embedding(5, 2), torch.zeros(1, 4))
    assert "give them as int64 (--input i64:" in message


def test_a_picture_without_its_batch() -> None:
    """A convolution takes it and the norm behind does not: a shape with a batch is shown."""
    message = _refusal(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), torch.zeros(3, 8, 8))
    assert "begins with the batch: --input 1x3x224x224" in message


def test_as_many_inputs_as_arguments() -> None:
    """What `forward` takes is said, and no line of Python's own library."""
    message = _refusal(_Branching(), torch.zeros(1, 4), torch.zeros(1, 4))
    assert "forward takes (x) and 2 example inputs were given" in message
    assert ".py" not in message


@pytest.mark.parametrize("name", ["", "v x", "../v", "-v", ".v", "v/w", "a" * 101, "v\n", "é"])
def test_no_names(name: str) -> None:
    """A network's name becomes a folder and a label: told before anything is traced."""
    with pytest.raises(CaptureError, match=r"^name: .* expected 1 to 100 letters, digits"):
        capture(nn.ReLU(), [torch.zeros(1)], name=name)


def test_no_module() -> None:
    """A class, or a bundle's folder, is no module."""
    with pytest.raises(TypeError, match=r"^module: 'net' is of type str; expected Module"):
        capture("net", [torch.zeros(1)], name="net")  # type: ignore[arg-type]  # what is refused
