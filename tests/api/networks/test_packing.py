"""From a name on a command line to a network: what a name may be, and that its weights are the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from joulecut.networks.packing import build_module, capture_factory
from joulecut_core.errors import ConfigError
from joulecut_runtime.networks.digest import graph_digest

_SOURCE = """
from torch import nn

def made():
    return nn.Linear(4, 2)

class Whole(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 2))

there = nn.Linear(4, 2)
nothing = 3

def broken():
    raise RuntimeError("operator torchvision::nms does not exist")
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A module of this test's own in the import path; its name."""
    name = f"mine_{abs(hash(request.node.nodeid))}"
    (tmp_path / f"{name}.py").write_text(_SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.mark.parametrize("name", ["made", "Whole", "there"])
def test_what_a_name_may_be(mine: str, name: str) -> None:
    """A function, a class, or a module that is there already, which is not called."""
    assert isinstance(build_module(f"{mine}:{name}"), nn.Module)


def test_random_weights_are_the_same_each_time(mine: str) -> None:
    """The same code is the same network, so that its profiles are found again; the caller's generator is left alone."""
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, second = (graph_digest(capture_factory(f"{mine}:made", ["1x4"])) for _ in range(2))
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "has no network 'nothing'"),
        ("mad", r"has no network 'mad'.*; did you mean 'made'\?$"),
        ("missing", "has no network"),
        ("broken", "from the same package index"),
    ],
)
def test_names_that_are_no_network(mine: str, name: str, message: str) -> None:
    """What was found there, and what to do."""
    with pytest.raises(ConfigError, match=message):
        build_module(f"{mine}:{name}")
