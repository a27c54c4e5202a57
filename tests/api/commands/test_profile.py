"""`joulecut profile`: from a bundle to a profile and a wire table, and one clear line where that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from joulecut.commands.profile import profile
from joulecut.profiling.course import check_pace
from joulecut_core.errors import ConfigError, DeviceError, JoulecutError, ProfileError
from joulecut_core.profiles import load_profile
from joulecut_core.timing import ManualClock
from joulecut_core.wires import load_wires
from joulecut_core.workloads import Workload
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.networks.bundle import write_bundle
from joulecut_runtime.profiling.journal import PointRecord, ProfileJournal, journal_path
from joulecut_runtime.profiling.store import ProfileStore

DEVICE = "emulated:orin-nano-15w"
FEW = ("--most-points", "3")


class Classifier(nn.Module):
    """A few layers that take a picture of 32 x 32."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 4, 3, stride=2), nn.ReLU())
        self.head = nn.Linear(4, 10)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.features((picture.float() - 127) / 128)
        logits: torch.Tensor = self.head(features.mean(dim=(2, 3)))
        return logits


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed network."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(capture(Classifier(), [torch.zeros(1, 3, 32, 32, dtype=torch.uint8)], name="classifier"), folder)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of three pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(3):
        Image.fromarray(generator.integers(0, 256, (48, 40, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return folder


def run(*arguments: object) -> str:
    """The command's output; raises the error it ends with."""
    app = typer.Typer()
    app.command()(profile)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    if isinstance(result.exception, JoulecutError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_profile_and_wires(bundle: Path, pictures: Path, tmp_path: Path) -> None:
    """Writes both files, says where, and prints clocks and codecs."""
    out, wires_out = tmp_path / "edge.json", tmp_path / "wires.json"
    output = run(
        bundle, "--device", DEVICE, "--side", "edge", "--out", out, "--rate-hz", 20, "--rate-hz", 40,
        "--wires-out", wires_out, "--samples", pictures,
    )  # fmt: skip
    measured, wires = load_profile(out), load_wires(wires_out)
    assert measured.network == wires.network == "classifier"
    assert measured.key.network_digest == wires.network_digest
    assert [each.rate_hz for each in measured.governed] == [20.0, 40.0]
    assert wires.samples_from == "3 pictures of pictures"
    assert {wire.accuracy_loss for wire in wires.wires if wire.codec == "raw"} == {0.0}
    for word in (
        str(out),
        str(wires_out),
        "612/2133 MHz",
        "governor, 20 Hz",
        "612/2133 MHz, 20 Hz",
        "predicted",
        "jpeg98",
        "emulated",
    ):
        assert word in output


def test_server_profile_goes_to_the_cache(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --out the profile lies where agents look for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run(bundle, "--device", DEVICE, "--side", "server", *FEW)
    (path,) = (tmp_path / "joulecut" / "profiles").iterdir()
    kept = load_profile(path)
    assert kept.key.side == "server"
    assert ProfileStore(path.parent).get(kept.key) == kept


def test_seed_is_the_devices_noise(bundle: Path, tmp_path: Path) -> None:
    """The same seed measures the same seconds, another seed slightly different ones."""
    times_s = []
    for seed in (1, 1, 2):
        run(bundle, "--device", DEVICE, "--side", "edge", "--out", tmp_path / "p.json", "--seed", seed, *FEW)
        times_s.append(load_profile(tmp_path / "p.json").points[0].whole_s)
    assert times_s[0] == times_s[1] != times_s[2]
    assert times_s[2] == pytest.approx(times_s[0], rel=0.03)


def test_interrupted_and_resumed(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C the same command measures what is missing, says how much was there, and leaves no journal."""
    out = tmp_path / "p.json"
    arguments = (bundle, "--device", DEVICE, "--side", "edge", "--out", out, *FEW)
    add_point = ProfileJournal.add_point

    def interrupted(journal: ProfileJournal, record: PointRecord) -> None:
        add_point(journal, record)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProfileJournal, "add_point", interrupted)
        app = typer.Typer()
        app.command()(profile)
        assert CliRunner().invoke(app, [str(each) for each in arguments]).exit_code != 0
    assert journal_path(out).is_file()
    assert not out.exists()
    assert "resumed: 1 of 3 operating points were measured before" in run(*arguments)
    assert load_profile(out).points
    assert not journal_path(out).exists()
    assert "resumed:" not in run(*arguments)


def test_few_points_are_chosen(bundle: Path, tmp_path: Path) -> None:
    """With a budget the points are chosen, both ends of the top memory clock among them."""
    out = tmp_path / "p.json"
    run(bundle, "--device", DEVICE, "--side", "edge", "--out", out, "--most-points", 5)
    measured = load_profile(out)
    assert 3 <= len(measured.points) <= 5
    assert measured.points[-1].requested == measured.clock_table[-1]
    with pytest.raises(ConfigError, match="most points is 2; expected 3 or more"):
        run(bundle, "--device", DEVICE, "--side", "edge", "--out", out, "--most-points", 2)


def test_too_slow_a_host_is_an_error() -> None:
    """A machine that falls behind the emulated device would measure itself: better no profile than that one."""
    clock = ManualClock()
    device = open_device(DEVICE, clock=clock)
    assert isinstance(device, EmulatedDevice)
    check_pace(device, DEVICE)
    with device.execution(Workload(blocks=())):
        clock.advance_s(2.5)
    with pytest.raises(DeviceError, match=r"2\.50 s too slow for emulated:orin-nano-15w.*leave --slowdown out"):
        check_pace(device, DEVICE)


def test_unknown_device_names_a_close_one(bundle: Path) -> None:
    """A typo costs one line."""
    with pytest.raises(DeviceError, match="orin-nano-15w"):
        run(bundle, "--device", "emulated:orin-nano-15", "--side", "edge")


def test_samples_without_wires_out(bundle: Path, pictures: Path) -> None:
    """An option without effect is an error."""
    with pytest.raises(ConfigError, match="of no use without --wires-out"):
        run(bundle, "--device", DEVICE, "--side", "edge", "--samples", pictures)


def test_wires_need_a_network_of_pictures(tmp_path: Path) -> None:
    """Fidelity on pictures means nothing to a network of other inputs: refused before anything is measured."""
    write_bundle(capture(nn.Linear(4, 3), [torch.zeros(1, 4)], name="linear"), tmp_path / "bundle")
    with pytest.raises(ConfigError, match=r"one square picture.*float32\[1, 4\]"):
        run(tmp_path / "bundle", "--device", DEVICE, "--side", "edge", "--wires-out", tmp_path / "w.json")


def test_places_are_looked_at_before_anything_is_measured(bundle: Path, pictures: Path, tmp_path: Path) -> None:
    """A folder, an empty name as of a variable that is not set, and one file for two tables."""
    for out in (tmp_path, ""):
        with pytest.raises(ConfigError, match=r"^--out .*: is a folder; expected a file$"):
            run(bundle, "--device", DEVICE, "--side", "edge", "--out", out)
    order = (bundle, "--device", DEVICE, "--side", "edge", "--samples", pictures, "--out", tmp_path / "edge.json")
    with pytest.raises(ConfigError, match=r"^--wires-out .*: is a folder; expected a file$"):
        run(*order, "--wires-out", tmp_path)
    with pytest.raises(ConfigError, match=r"^--wires-out .*edge.json: is --out as well; expected another file"):
        run(*order, "--wires-out", tmp_path / "pictures" / ".." / "edge.json")
    assert [each.name for each in tmp_path.iterdir()] == ["pictures"]


def test_damaged_profile_is_not_loaded(bundle: Path, tmp_path: Path) -> None:
    """A profile cut short is refused with its name."""
    out = tmp_path / "p.json"
    run(bundle, "--device", DEVICE, "--side", "edge", "--out", out)
    out.write_text(out.read_text()[:-9])
    with pytest.raises(ProfileError, match=r"p\.json"):
        load_profile(out)
