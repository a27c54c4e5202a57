"""The profile an agent starts with: kept or made, never guessed."""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import torch

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceInfo, Lease
from joulecut_core.errors import LeaseError, ProfileError
from joulecut_core.networks import TensorSpec
from joulecut_core.profiles import Profile
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.profiling import provision
from joulecut_runtime.profiling.profiler import Side, profile_network
from joulecut_runtime.profiling.provision import LoggedProgress, example_inputs, provide_profile
from joulecut_runtime.profiling.rehearsal import rehearse_profile
from joulecut_runtime.profiling.store import ProfileStore
from tests.integration.tiny_network import tiny_network
from tests.runtime.bench import QUICK, Bench

DEVICE = "emulated:orin-nano-15w"
PLAN = replace(
    QUICK,
    memory_clocks=1,
    window_periods=1,
    part_window_periods=1,
    most_parts=1,
    governed_requests=5,
    governed_periods=1,
)


@pytest.fixture(autouse=True)
def _little_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """How good the figures are is the profiler's matter."""
    monkeypatch.setattr(provision, "rehearse_profile", partial(rehearse_profile, plan=PLAN))
    monkeypatch.setattr(provision, "profile_network", partial(profile_network, plan=PLAN))
    monkeypatch.setattr(provision, "ProfilePlan", lambda: PLAN)


@dataclass(slots=True, kw_only=True)
class Start:
    """An agent's start, as often as a test wants."""

    store: ProfileStore

    def __call__(self, *, side: Side = "edge", rates_hz: tuple[float, ...] = ()) -> Profile:
        clock = ManualClock()
        device = open_device(DEVICE, clock=clock)
        try:
            return provide_profile(
                tiny_network(),
                device,
                device_name=DEVICE,
                seed=0,
                side=side,
                clock=clock,
                store=self.store,
                governed_rates_hz=rates_hz,
            )
        finally:
            device.close()


def test_made_once_then_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first start profiles and keeps; the second one reads, byte for byte the same, and says so."""
    start = Start(store=ProfileStore(tmp_path))
    with caplog.at_level(logging.INFO):
        made = start(rates_hz=(5.0,))
    assert "this happens once" in caplog.text
    assert [point.rate_hz for point in made.governed] == [5.0]
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert start(rates_hz=(5.0,)) == made
    assert "using the profile of tiny" in caplog.text
    assert "this happens once" not in caplog.text
    assert path.stat().st_mtime_ns == written


class _RealBoard(Bench):
    """A board that does not say it is emulated, and fails at one of its leases."""

    def __init__(self, *, fails_at: int) -> None:
        super().__init__()
        self.fails_at = fails_at

    @property
    def info(self) -> DeviceInfo:
        return replace(super().info, backend="real")

    def lease(self, point: OperatingPoint) -> AbstractContextManager[Lease]:
        if len(self.leased) == self.fails_at:
            raise LeaseError("somebody else holds the clocks")
        return super().lease(point)


def test_an_interrupted_start_is_resumed(tmp_path: Path) -> None:
    """A start on a real device keeps what it measured; the next start measures the rest and leaves the profile only."""
    store, network = ProfileStore(tmp_path), tiny_network()

    def start(board: Bench) -> Profile:
        return provide_profile(network, board, device_name="board", seed=0, side="edge", clock=board.clock, store=store)

    first, second = _RealBoard(fails_at=1), _RealBoard(fails_at=99)
    with pytest.raises(LeaseError):
        start(first)
    assert [path.suffix for path in tmp_path.iterdir()] == [".journal"]
    made = start(second)
    assert sorted(first.leased + second.leased) == sorted(point.requested for point in made.points)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_a_missing_governed_rate_is_added(tmp_path: Path) -> None:
    """A new rate measures the governor at that rate and keeps everything else as it was measured."""
    start = Start(store=ProfileStore(tmp_path))
    first = start(rates_hz=(5.0,))
    second = start(rates_hz=(5.0, 10.0))
    assert [point.rate_hz for point in second.governed] == [5.0, 10.0]
    assert [(paced.rate_hz, paced.requested.core_mhz) for paced in second.paced] == [
        (rate_hz, clock) for rate_hz in (5.0, 10.0) for clock in (306.0, 612.0)
    ]
    assert replace(second, governed=first.governed, paced=first.paced) == first
    assert start() == second


def test_a_shipped_profile_is_used(tmp_path: Path) -> None:
    """A profile that came with the product spares the first start its measurements, and is not copied."""
    made = Start(store=ProfileStore(tmp_path / "shipped"))()
    own = tmp_path / "own"
    assert Start(store=ProfileStore(own, shipped=(tmp_path / "shipped",)))() == made
    assert not own.exists()


def test_each_side_has_its_own(tmp_path: Path) -> None:
    """An edge's profile is never taken for a server's."""
    start = Start(store=ProfileStore(tmp_path))
    assert start(side="edge").key.side == "edge"
    assert start(side="server").key.side == "server"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_profile_is_an_error(tmp_path: Path) -> None:
    """NaN in the file stops the start with file and value; it is not measured over in silence."""
    start = Start(store=ProfileStore(tmp_path))
    start()
    (path,) = tmp_path.iterdir()
    document = json.loads(path.read_text())
    document["points"][0]["wait_w"] = float("nan")
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=rf"{path.name}: points\[0\].wait_w: nan; expected a finite number"):
        start()


def test_example_inputs_fit() -> None:
    """Inputs for profiling have the network's types and shapes; pictures use all their values, indices none."""
    specs = (
        TensorSpec(name="picture", dtype="uint8", shape=(1, 3, 16, 16)),
        TensorSpec(name="features", dtype="float16", shape=(2, 8)),
        TensorSpec(name="tokens", dtype="int64", shape=(1, 12)),
    )
    picture, features, tokens = example_inputs(specs)
    assert [tensor.dtype for tensor in (picture, features, tokens)] == [torch.uint8, torch.float16, torch.int64]
    assert [tuple(tensor.shape) for tensor in (picture, features, tokens)] == [spec.shape for spec in specs]
    assert picture.float().std() > 50
    assert int(tokens.abs().max()) == 0, "an index must be in range of any table"
    assert all(torch.equal(a, b) for a, b in zip(example_inputs(specs), (picture, features, tokens), strict=True))
    assert not torch.equal(example_inputs(specs, seed=1)[0], picture)
    assert len(example_inputs((replace(specs[0], shape=(3,)),))[0]) == 3


def test_progress_is_logged_in_tenths(caplog: pytest.LogCaptureFixture) -> None:
    """A long profile tells how far it is without filling the log."""
    progress = LoggedProgress("profiling net")
    with caplog.at_level(logging.INFO):
        for done in range(1, 1001):
            progress.advance(done, 1000, "a point")
        progress.advance(0, 0, "nothing to do")
    lines = [record.getMessage() for record in caplog.records]
    assert 10 <= len(lines) <= 13
    assert lines[0].startswith("profiling net: 1 of 1000")
