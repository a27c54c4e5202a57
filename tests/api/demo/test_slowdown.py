"""The declared slow-down: as slow as the slower of the two computations needs, never faster than real time."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from joulecut.demo import slowdown
from joulecut.demo.slowdown import HEADROOM_OF_FIRST_TRY, HostTooSlowError, kept_up, needed_slowdown, wall_clock
from joulecut_core.timing import ScaledClock, SystemClock
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.network import Network


class Layers(nn.Module):
    """A few convolutions, by far the same on any device."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(4)))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(values)
        return result


@pytest.fixture(scope="module")
def network() -> Network:
    """The network, captured."""
    return Network(capture(Layers().eval(), (torch.zeros(1, 8, 64, 64),), name="layers"))


def _with_host(monkeypatch: pytest.MonkeyPatch, host_s: float) -> None:
    def known(network: Network) -> float:
        del network
        return host_s

    monkeypatch.setattr(slowdown, "_host_seconds", known)


def test_the_faster_device_decides(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host must keep up with every device, so the fastest one sets the factor; order does not matter."""
    _with_host(monkeypatch, 1.0)
    slow, fast = "emulated:tx2", "emulated:h100"
    alone = {name: needed_slowdown(network, (name,)) for name in (slow, fast)}
    assert alone[fast] > alone[slow]
    assert needed_slowdown(network, (slow, fast)) == needed_slowdown(network, (fast, slow)) == alone[fast]


def test_it_grows_with_the_hosts_slowness(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as slow a host needs twice the factor, with room for the rest of the demo on the same cores."""
    factors = []
    for host_s in (0.5, 1.0):
        _with_host(monkeypatch, host_s)
        factors.append(needed_slowdown(network, ("emulated:t4",)))
    assert factors[1] == pytest.approx(2 * factors[0], abs=1)
    assert all(factor == int(factor) for factor in factors)


def test_a_first_try_is_quicker(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more time can be given later, less room is left for the rest of the demo."""
    _with_host(monkeypatch, 1.0)
    careful, quick = (
        needed_slowdown(network, ("emulated:t4",), **each) for each in ({}, {"headroom": HEADROOM_OF_FIRST_TRY})
    )
    assert quick == pytest.approx(0.75 * careful, abs=1)


def test_a_fast_host_runs_in_real_time(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The factor is never below one, and one is a factor that clocks take."""
    _with_host(monkeypatch, 1e-9)
    factor = needed_slowdown(network, ("emulated:tx2",))
    assert factor == 1.0
    assert ScaledClock(factor).wall_s(2.0) == 2.0


def test_the_host_is_measured(network: Network) -> None:
    """Without help it measures this host, and gives a factor that clocks take."""
    assert 1.0 <= needed_slowdown(network, ("emulated:orin-nano-15w",)) < 10_000.0


def test_a_busy_moment_does_not_make_a_slow_host(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where most runs are interrupted the host counts as at most half as slow again as its best run shows it to be."""
    now_s = iter([each for run in range(7) for each in (100.0 * run, 100.0 * run + (0.5 if run == 3 else 50.0))])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now_s))
    busy = needed_slowdown(network, ("emulated:t4",))
    _with_host(monkeypatch, 0.75)
    assert busy == needed_slowdown(network, ("emulated:t4",))


def test_a_host_that_does_not_keep_up_is_given_more_time() -> None:
    """Twice as much each time, and said; the first slow-down that suffices gives the result."""
    tried: list[float] = []
    told: list[str] = []

    def run(slowdown: float) -> str:
        tried.append(slowdown)
        if slowdown < 40.0:
            raise HostTooSlowError("24 of 44 requests were finished by the edge alone")
        return "done"

    assert kept_up(run, 11.0, told.append, may_slow_down=True) == "done"
    assert tried == [11.0, 22.0, 44.0]
    assert told == [
        f"24 of 44 requests were finished by the edge alone; once more with a slow-down of {n}" for n in (22, 44)
    ]


@pytest.mark.parametrize(("may_slow_down", "tries", "next_one"), [(True, 4, 160), (False, 1, 20)])
def test_a_hopeless_host_is_told_what_to_try(may_slow_down: bool, tries: int, next_one: int) -> None:
    """Not for ever, and not at all where the user chose the slow-down: the error says which one would be next."""
    tried: list[float] = []

    def run(slowdown: float) -> None:
        tried.append(slowdown)
        raise HostTooSlowError("too late")

    with pytest.raises(HostTooSlowError, match=rf"^too late; wait until .* or give --slowdown {next_one}$"):
        kept_up(run, 10.0, lambda _: None, may_slow_down=may_slow_down)
    assert len(tried) == tries


def test_the_clock() -> None:
    """Both devices and the link live in one time, slowed down only where that is needed."""
    assert isinstance(wall_clock(1.0), SystemClock)
    assert isinstance(wall_clock(3.0), ScaledClock)
