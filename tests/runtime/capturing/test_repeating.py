"""What a module keeps from one call to the next: refused where an answer depends on it, wherever it is kept."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from joulecut_core.errors import CaptureError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.network import Network


class Recurrent(nn.Module):
    """Its state in an attribute, as policies on robots have it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.hidden = x if self.hidden is None else torch.tanh(self.hidden + x)
        return self.hidden


class Cache:
    """No module, and unknown to torch."""

    def __init__(self) -> None:
        self.rows: list[Tensor] = []


class Caching(nn.Module):
    """All it has seen, in a list of an object of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Cache()

    def forward(self, x: Tensor) -> Tensor:
        self.seen.rows.append(x * 2.0)
        return torch.cat(self.seen.rows).sum(0)


class Numbered(nn.Module):
    """A plain number that counts calls."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


class Drawing(nn.Module):
    """Noise that torch does not know of."""

    def forward(self, x: Tensor) -> Tensor:
        return x * random.random() + float(np.random.normal())  # noqa: S311 - what is refused


class Noting(nn.Module):
    """Keeps what nobody reads, and what it would only compute again; changes its input."""

    def __init__(self) -> None:
        super().__init__()
        self.table: Tensor | None = None
        self.last: dict[str, Tensor] = {}
        self.calls = 0

    def forward(self, x: Tensor, *, bias: Tensor) -> Tensor:
        self.calls += 1
        if self.table is None:
            self.table = torch.arange(4.0).cos()
        self.last["scores"] = x.add_(1.0) * self.table
        return self.last["scores"] + bias


@pytest.mark.parametrize(
    ("module", "changed"),
    [
        (nn.Sequential(nn.ReLU(), Recurrent()), "'1.hidden'"),
        (Caching(), "'seen.rows[0]'"),
        (Numbered(), "'calls'"),
        (Drawing(), "Python's random generator"),
    ],
    ids=["attribute", "object", "number", "generator"],
)
def test_an_answer_that_depends_on_the_call_before_is_refused(module: nn.Module, changed: str) -> None:
    """As traced it would be a first call's for ever."""
    with pytest.raises(CaptureError, match=r"the next one answers otherwise.*take it as an input") as refused:
        capture(module, [torch.ones(2, 4)], name="kept")
    assert changed in str(refused.value)


def test_what_is_kept_and_changes_no_answer_is_fine() -> None:
    """Counters, maps kept for a look at them, and tables made at the first call are many modules' habit."""
    module = Noting()
    network = Network(capture(module, [torch.ones(2, 4), torch.ones(4)], name="noting"))
    assert (module.calls, module.table, module.last) == (0, None, {})
    x, bias = torch.randn(2, 4), torch.randn(4)
    (answer,) = network.whole([x, bias])
    assert torch.equal(answer, module(x.clone(), bias=bias))
