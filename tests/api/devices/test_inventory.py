"""Which devices are found, and under which names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from joulecut.devices.inventory import find_devices, place_below, sighting
from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from tests.fakes.jetson import build
from tests.fakes.jetson.boards import ORIN_NANO_36
from tests.fakes.jetson.tree import create, make_blocking, unblock
from tests.fakes.nvml import COMPILER, NO_COMPILER, FakeNvml, loaded

needs_compiler = pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)


def names(root: Path, *wanted: str) -> list[str]:
    """What is found, by name."""
    return [each.name for each in find_devices(root, wanted).sightings]


@needs_compiler
def test_gpus_by_uuid_then_the_cpu(tmp_path: Path) -> None:
    """An index may mean another GPU tomorrow, so a list gives UUIDs."""
    fake = FakeNvml(tmp_path, ["h100", "t4"])
    with loaded(fake):
        found = find_devices(tmp_path)
        best, *_ = names(tmp_path, "auto")
    first, second, cpu = (each.name for each in found.sightings)
    assert first.startswith("nvml:GPU-")
    assert second.startswith("nvml:GPU-")
    assert cpu == f"cpu:{tmp_path}"
    assert [each.accelerator for each in found.sightings] == [True, True, False]
    assert (found.gpus, found.tegra, found.failures) == (2, False, {})
    assert best == first


@needs_compiler
def test_a_jetson_is_never_asked_through_nvml(tmp_path: Path) -> None:
    """On a Jetson NVML opens, counts one GPU and knows nothing of it."""
    tree = build(tmp_path / "tree", ORIN_NANO_36)
    with loaded(FakeNvml(tmp_path, ["t4"])):
        found = find_devices(tree.root)
        assert names(tree.root, "auto") == [f"jetson:{tree.root}"]
    assert found.tegra
    assert [each.name for each in found.sightings] == [f"jetson:{tree.root}", f"cpu:{tree.root}"]


def test_a_device_tree_that_blocks_is_a_failure_and_no_hang(tmp_path: Path) -> None:
    """What can be opened is listed all the same; NVML, which a Jetson answers wrongly, is not asked."""
    release = tmp_path / "etc/nv_tegra_release"
    create(release, "")
    make_blocking(release)
    found = find_devices(tmp_path)
    unblock(release, "")
    assert set(found.failures) == {"jetson"}
    assert [each.name for each in found.sightings] == [f"cpu:{tmp_path}"]


def test_a_host_without_an_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the CPU is left, and why there is no GPU is kept."""
    for module in [name for name in sys.modules if name.startswith(("pynvml", "joulecut_runtime.devices.nvml"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr("joulecut_runtime.devices.nvml", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    found = find_devices(tmp_path)
    assert [each.name for each in found.sightings] == [f"cpu:{tmp_path}"]
    assert "joulecut[runtime]" in str(found.failures["nvml"])
    assert names(tmp_path, "auto") == [f"cpu:{tmp_path}"]


def test_a_name_keeps_the_place_it_has(tmp_path: Path) -> None:
    """`--root` is for names that say no place; on the system itself names stay short."""
    assert place_below("jetson", tmp_path) == f"jetson:{tmp_path}"
    assert place_below("jetson:/other", tmp_path) == "jetson:/other"
    assert place_below("jetson", Path("/")) == "jetson"
    assert place_below("nvml:0", tmp_path) == "nvml:0"


def test_an_unknown_name_says_what_is_near() -> None:
    """The same answer that an agent's configuration gets."""
    with pytest.raises(DeviceError, match="did you mean"):
        sighting("emulated:orin-nano").open_probe(ManualClock())


@pytest.mark.parametrize("kind", ["jetson", "cpu"])
def test_a_device_lies_where_its_name_says(tmp_path: Path, kind: str) -> None:
    """A place in the name counts more than the root that was given; a GPU's place is no folder."""
    assert sighting(f"{kind}:{tmp_path}").root == tmp_path
    assert sighting(f"{kind}:{tmp_path}", tmp_path / "other").root == tmp_path
    assert sighting(kind, tmp_path).root == tmp_path
    assert sighting(kind).root == Path("/")
    assert sighting("nvml:0", tmp_path).root == tmp_path
