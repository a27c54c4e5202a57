"""Service tables are made of what a device does, say what is assumed in them, and are made once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import joulecut_runtime.devices
from joulecut.service.measurement import ServicePlan
from joulecut.service.tables import ServiceOrder, provide_service_table
from joulecut_core.errors import ConfigError, DeviceError, ProfileError
from joulecut_core.figures import FigureKind
from joulecut_core.service_tables import ServiceTable, ServiceVariant
from joulecut_core.timing import ManualClock
from joulecut_planner.serving.service_file import load_service_table
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.device_file import load_device_file
from joulecut_runtime.devices.laws import Laws
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.networks.bundle import write_bundle
from joulecut_runtime.quantised.packed_weights import integer_obstacle
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import AMD_CPUINFO, HostSpec
from tests.runtime.quantised.small_networks import Mixed, mixed_network, mixed_scales

pytest.importorskip("foolbox", reason="the sample pictures, of the demo extra, are not installed")
pytestmark = pytest.mark.skipif(integer_obstacle() is not None, reason=f"no INT8 here: {integer_obstacle()}")

HERE = "tests.api.service.test_tables"
QUICK = ServicePlan(repetitions=3, window_periods=2)


def mixed() -> nn.Module:
    """The factory that orders name: takes pictures, so that its variants can be judged by sample pictures."""
    torch.manual_seed(3)
    return Mixed()


def plain() -> nn.Module:
    """A factory of a network that nothing is known to judge by."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 4))


def order(**changes: object) -> ServiceOrder:
    fields: dict[str, object] = {
        "network": f"{HERE}:mixed",
        "inputs": ("u8:1x3x16x16",),
        "device": "emulated:v100",
        "batches": (1, 4),
        "most_units": 3,
        "most_points": 4,
        "plan": QUICK,
    }
    return ServiceOrder(**(fields | changes))  # type: ignore[arg-type]  # the fields' own types


def total_s(variant: ServiceVariant, batch: int, point: int) -> float:
    return sum(unit[point] for unit in variant.time_s[batch])


@pytest.fixture(name="table", scope="module")
def _table(tmp_path_factory: pytest.TempPathFactory) -> ServiceTable:
    return provide_service_table(order(), folder=tmp_path_factory.mktemp("service"))


def test_full_precision_is_what_the_device_does(table: ServiceTable) -> None:
    """Seconds and joules of whole batches are the emulated device's, at every point and batch size, up to its noise."""
    laws = Laws(load_device_file(Path(joulecut_runtime.devices.__file__).parent / "files" / "v100.toml"))
    reference = table.variants[0]
    assert (table.batches, len(table.units), len(table.points)) == ((1, 4), 3, 4)
    assert reference.figures is FigureKind.EMULATED
    for index, batch in enumerate(table.batches):
        operations = mixed_network(batch).whole.workload.operations
        for place, point in enumerate(table.points):
            cost = laws.block_cost(operations, point)
            energy_j = sum(
                time_s[place] * busy_w[place]
                for time_s, busy_w in zip(reference.time_s[index], reference.busy_w[index], strict=True)
            )
            assert total_s(reference, index, place) == pytest.approx(cost.duration_s, rel=0.03)
            assert energy_j == pytest.approx(cost.energy_j, rel=0.03)
    assert table.idle_w == pytest.approx([laws.idle_w(point) for point in table.points], rel=0.01)


def test_assumed_variants_say_so(table: ServiceTable) -> None:
    """On an emulated GPU reduced precisions are full precision's times over a factor, ESTIMATED, with its source."""
    names = [variant.name for variant in table.variants]
    assert names == ["fp32", "fp16", "int8"]
    for variant, factor in zip(table.variants[1:], (1.3, 2.0), strict=True):
        assert variant.figures is FigureKind.ESTIMATED
        assert total_s(variant, 1, 2) == pytest.approx(total_s(table.variants[0], 1, 2) / factor)
        assert variant.busy_w == table.variants[0].busy_w
        assert any(note.startswith(f"{variant.name}: {factor:g} times") for note in table.notes)
    assert any(note.startswith("switch_s: timed until the new clock held (emulated; assumed") for note in table.notes)
    assert table.switch_s == pytest.approx(0.01)


def test_accuracies_are_measured(table: ServiceTable) -> None:
    """Accuracies come from computing on pictures, whatever the device, and say that they are fidelity."""
    assert all("(fidelity, not accuracy)" in variant.accuracy_of for variant in table.variants)
    assert table.variants[0].accuracy == 1.0
    assert all(0.5 < variant.accuracy <= 1.0 for variant in table.variants)
    assert any(note.startswith("int8: 8 operators in integers, calibrated on 32 random crops") for note in table.notes)


def test_a_table_is_made_once(tmp_path: Path) -> None:
    """The same order reads the kept table, another one does not, and a damaged one is told."""
    quick = order(network=f"{HERE}:plain", inputs=("f32:1x8",), batches=(1,))
    made = provide_service_table(quick, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    assert load_service_table(file) == made
    document = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(document | {"notes": ["kept"]}), encoding="utf-8")
    assert provide_service_table(quick, folder=tmp_path).notes == ("kept",)
    changed = order(network=f"{HERE}:plain", inputs=("f32:1x8",), batches=(1,), seed=1)
    assert provide_service_table(changed, folder=tmp_path).notes != ("kept",)
    file.write_text("{", encoding="utf-8")
    with pytest.raises(ProfileError, match="not JSON"):
        provide_service_table(quick, folder=tmp_path)


def test_without_evidence_there_is_full_precision_only(tmp_path: Path) -> None:
    """A variant whose accuracy nobody knows is not offered to a policy that must keep a floor."""
    quick = order(network=f"{HERE}:plain", inputs=("f32:1x8",), batches=(1,))
    table = provide_service_table(quick, folder=tmp_path)
    assert [variant.name for variant in table.variants] == ["fp32"]
    assert any("nothing to judge the accuracy" in note for note in table.notes)


def test_variants_that_are_not_faster_are_left_out(tmp_path: Path) -> None:
    """What costs accuracy and gains no time is reported and never offered."""
    table = provide_service_table(order(batches=(1,), int8_speed_up=0.8, switch_s=0.002), folder=tmp_path)
    assert [variant.name for variant in table.variants] == ["fp32", "fp16"]
    assert any(
        note.startswith("int8 left out: it is not faster here") and "1.25 at batch 1" in note for note in table.notes
    )
    assert table.switch_s == 0.002


def test_a_bundle_is_served_at_its_own_batch_with_its_own_scales(tmp_path: Path) -> None:
    """A bundle has one batch size, and where it brings an INT8 variant that one is judged."""
    bundled = order(network=str(tmp_path / "bundle"), inputs=(), batches=None)
    # Calibrated anew, it has another table under the same name.
    for pictures in ("16 random pictures", "others"):
        scales = replace(mixed_scales(), calibrated_on=pictures)
        write_bundle(mixed_network().graph, tmp_path / "bundle", scales=scales)
        table = provide_service_table(bundled, folder=tmp_path / "s")
        assert table.batches == (1,)
        assert any(f"calibrated on {pictures}" in note for note in table.notes)
    with pytest.raises(ConfigError, match="captured at batch 1, not 2"):
        provide_service_table(order(network=str(tmp_path / "bundle"), inputs=(), batches=(1, 2)), folder=tmp_path / "s")
    write_bundle(capture(nn.Linear(8, 2), [torch.zeros(4, 8)], name="four"), tmp_path / "four")
    with pytest.raises(ConfigError, match="captured at batch 4; expected batch 1, where every service table begins"):
        provide_service_table(order(network=str(tmp_path / "four"), inputs=(), batches=None), folder=tmp_path / "s")


def test_a_real_cpu_measures_its_variants(tmp_path: Path) -> None:
    """On a CPU reduced precisions compute, in real time; watts are those that a person gave, and labelled so."""
    options = DeviceOptions(busy_w=50.0, wait_w=20.0)
    host = FakeHost(tmp_path / "host", HostSpec(cpuinfo=AMD_CPUINFO), clock=ManualClock())
    cpu = order(device=f"cpu:{host.root}", batches=(1,), most_units=1, options=options)
    table = provide_service_table(cpu, folder=tmp_path / "service")
    assert table.variants[0].figures is FigureKind.ESTIMATED
    assert table.idle_w == pytest.approx([20.0])
    for name in ("bf16", "int8"):
        kept = [variant for variant in table.variants if variant.name == name]
        left = [note for note in table.notes if note.startswith(f"{name} left out: it is not faster here")]
        assert len(kept) + len(left) == 1


def test_a_device_without_a_meter_is_refused(tmp_path: Path) -> None:
    """Seconds alone make no table of joules; the message says what to give."""
    host = FakeHost(tmp_path / "host", HostSpec(cpuinfo=AMD_CPUINFO), clock=ManualClock())
    with pytest.raises(DeviceError, match="no energy meter"):
        provide_service_table(order(device=f"cpu:{host.root}", batches=(1,)), folder=tmp_path / "service")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batches": (2, 4)}, "batch sizes ascending from 1"),
        ({"batches": (1, 4, 4)}, "batch sizes ascending from 1"),
        ({"batches": ()}, "batch sizes ascending from 1"),
        ({"most_units": 0}, "most_units: 0"),
        ({"most_points": 0}, "most_points: 0"),
        ({"int8_speed_up": 0.0}, "int8_speed_up: 0.0"),
        ({"half_speed_up": float("inf")}, "half_speed_up: inf"),
        ({"switch_s": -1.0}, "switch_s: -1.0"),
    ],
)
def test_impossible_orders_are_refused(changes: dict[str, object], message: str) -> None:
    """What cannot be made is told before a network is captured."""
    with pytest.raises(ConfigError, match=message):
        order(**changes)
