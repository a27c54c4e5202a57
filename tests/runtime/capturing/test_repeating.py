"""What a module keeps from one call to the next: refused where an answer depends on it, wherever it is kept."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from joulecut_core.errors import CaptureError
from joulecut_runtime.capturing import repeating
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


class Wordy(Recurrent):
    """With a vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.words = {str(number): number for number in range(1000)}


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


@dataclass(slots=True)
class State:
    """Without a dictionary of its attributes."""

    sum: Tensor | None = None


class Slotted(nn.Module):
    """Its state in such an object."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()

    def forward(self, x: Tensor) -> Tensor:
        self.state.sum = x if self.state.sum is None else self.state.sum + x
        return self.state.sum


class Private:
    """With a slot that only its own methods know by this name."""

    __slots__ = ("__calls",)

    def __init__(self) -> None:
        self.__calls = 0

    def next(self) -> int:
        self.__calls += 1
        return self.__calls


class Secretive(nn.Module):
    """Its state in such an object."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Private()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.state.next()


class Remembering(nn.Module):
    """In a set, which stays the same object."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = set[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add(len(self.calls))
        return x * len(self.calls)


class Numbering(nn.Module):
    """In an iterator."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(1)

    def forward(self, x: Tensor) -> Tensor:
        return x * next(self.numbers)


class Counting(nn.Module):
    """In an array of numpy's, which stays the same object."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = np.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * float(self.calls[0])


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


class Tables:
    """Made when they are first asked for, and of a tuple each."""

    def __init__(self) -> None:
        self.mask: Tensor | None = None
        self.of_length: dict[int, tuple[Tensor, Tensor]] = {}

    def rotation(self, length: int) -> tuple[Tensor, Tensor]:
        """Cosine and sine."""
        if length not in self.of_length:
            angle = torch.arange(float(length))
            self.of_length[length] = angle.cos(), angle.sin()
        return self.of_length[length]


class Lazy(nn.Module):
    """Makes what it needs at its first call, wherever torch does not look for it."""

    slope: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("slope", None)
        self.tables = Tables()
        self.calls = 0

    @cached_property
    def offset(self) -> Tensor:
        """Kept among the attributes."""
        return torch.arange(4.0).exp()

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.slope is None:
            self.slope = torch.arange(4.0)
        if self.tables.mask is None:
            self.tables.mask = torch.ones(2, 4).triu()
        cosine, sine = self.tables.rotation(4)
        return x * self.slope * self.tables.mask * cosine + self.offset * sine


class Moving(nn.Module):
    """What has moved since the picture before; in the first one nothing has."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Tensor | None = None

    def forward(self, x: Tensor, *, gain: Tensor) -> Tensor:
        before = x if self.before is None else self.before
        self.before = x
        return (x - before) * gain


class Calibrated(nn.Module):
    """By the first picture of all."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.pictures.append(x)
        return x / self.pictures[0].abs().amax()


class Memoized(nn.Module):
    """Its table is where nobody can look."""

    calls = 0

    @lru_cache  # noqa: B019 - what many modules do
    def table(self) -> Tensor:
        """The same for every call."""
        return torch.arange(4.0).cos()

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.table()


@pytest.mark.parametrize(
    ("module", "changed"),
    [
        (nn.Sequential(nn.ReLU(), Recurrent()), "'1.hidden'"),
        (Caching(), "'seen.rows[0]'"),
        (Numbered(), "'calls'"),
        (Slotted(), "'state.sum'"),
        (Secretive(), "'state._Private__calls'"),
        (Remembering(), "'the items of calls'"),
        (Numbering(), "'numbers'"),
        (Counting(), "'the numbers in calls'"),
        (Drawing(), "Python's random generator"),
    ],
    ids=["attribute", "object", "number", "slots", "private slot", "set", "counter", "array", "generator"],
)
def test_an_answer_that_depends_on_the_call_before_is_refused(module: nn.Module, changed: str) -> None:
    """As traced it would be a first call's for ever."""
    with pytest.raises(CaptureError, match=r"the next one answers otherwise.*take it as an input") as refused:
        capture(module, [torch.ones(2, 4)], name="kept")
    assert changed in str(refused.value)


@pytest.mark.parametrize(("module", "count"), [(Moving(), 2), (Calibrated(), 1)])
def test_an_input_that_is_kept_for_the_next_answer_is_refused(module: nn.Module, count: int) -> None:
    """Two calls on one picture would answer alike: the second one is of another."""
    with pytest.raises(CaptureError, match=r"a call changes .*, and the next one answers otherwise"):
        capture(module, [torch.ones(2, 4)] * count, name="kept")


def test_of_huge_tables_a_part_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many words a module keeps; what is near to it comes first."""
    monkeypatch.setattr(repeating, "_MOST_OBJECTS", 100)
    module = Wordy()
    assert len(list(repeating._reached(module))) == 100
    with pytest.raises(CaptureError, match="'hidden'"):
        capture(module, [torch.ones(2, 4)], name="kept")


def test_what_is_kept_and_changes_no_answer_is_fine() -> None:
    """Counters, maps kept for a look at them, and tables made at the first call are many modules' habit."""
    module = Noting()
    network = Network(capture(module, [torch.ones(2, 4), torch.ones(4)], name="noting"))
    assert (module.calls, module.table, module.last) == (0, None, {})
    x, bias = torch.randn(2, 4), torch.randn(4)
    (answer,) = network.whole([x, bias])
    assert torch.equal(answer, module(x.clone(), bias=bias))


def test_what_the_first_call_makes_once_is_fine() -> None:
    """Tables in buffers, properties and objects are made again for the next trace, and for the module's own calls."""
    module, x = Lazy(), torch.randn(2, 4)
    network = Network(capture(module, [torch.ones(2, 4)], name="lazy"))
    assert (module.slope, module.tables.mask, module.tables.of_length) == (None, None, {})
    (answer,) = network.whole([x])
    assert torch.equal(answer, module(x))


def test_what_cannot_be_traced_twice_is_taken_as_traced() -> None:
    """A cache of functools' keeps what a trace has left: that says nothing of the module's calls."""
    network = Network(capture(Memoized(), [torch.ones(2, 4)], name="memoized"))
    (answer,) = network.whole([torch.ones(2, 4)])
    assert torch.allclose(answer, torch.arange(4.0).cos().expand(2, 4))
