"""The shipped device files against public measurements of the devices they stand for."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.device_file import DeviceFile, load_device_file
from joulecut_runtime.devices.laws import Laws
from joulecut_runtime.devices.opening import device_names
from tests.runtime.devices.reference_networks import convolutions, gemm, mobilenet_v2, stream, vit_small

FILES = Path(__file__).parents[3] / "runtime" / "joulecut_runtime" / "devices" / "files"
AGX_CSV = Path(__file__).parents[4] / "shared" / "data" / "dvfs" / "agx_xavier_mobilenet.csv"
TX2_CSV = AGX_CSV.with_name("tx2_dnn.csv")

ORIN_CORE_MHZ = (306, 408, 510, 612, 714, 816, 918, 1020)
# Milliseconds on a Jetson Orin Nano Super, jetson-latency-lab 0970a90 (Apache-2.0), ONNX Runtime CUDA, batch 1.
MOBILENET_MS = {
    3199.0: (11.40, 8.77, 7.20, 6.17, 5.43, 4.89, 4.48, 4.23),
    2133.0: (11.62, 9.01, 7.52, 6.49, 5.82, 5.30, 4.95, 4.75),
    665.6: (13.13, 11.29, 10.27, 9.58, 9.13, 8.88, 8.67, 8.55),
}
VIT_MS = {
    3199.0: (32.35, 24.63, 20.11, 17.05, 14.89, 13.38, 12.18, 11.43),
    2133.0: (32.79, 25.20, 20.84, 17.88, 16.01, 14.90, 13.94, 13.54),
    665.6: (39.79, 35.79, 33.85, 32.66, 31.84, 31.58, 31.06, 30.70),
}
DECODE_MS = {
    3199.0: (14.00, 10.58, 8.52, 7.15, 6.17, 5.45, 4.88, 4.53),
    2133.0: (14.02, 10.61, 8.55, 7.19, 6.63, 6.61, 6.59, 6.56),
    665.6: (21.62, 21.44, 21.32, 21.25, 21.22, 21.18, 21.14, 21.13),
}
# What the decode proxy must have read for 6.56 ms at 2133 MHz with nine tenths of the bandwidth.
DECODE_BYTES = 0.9 * 68.3e9 * 6.0e-3


def shipped(stem: str) -> DeviceFile:
    return load_device_file(FILES / f"{stem}.toml")


def at(laws: Laws, workload: Workload, core_mhz: float, memory_mhz: float | None = None) -> tuple[float, float]:
    """Seconds and mean watts of a workload."""
    point = OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_mhz)
    seconds = sum(laws.block_cost(block, point).duration_s for block in workload.blocks)
    return seconds, laws.power_w(workload, point)


@pytest.mark.parametrize(
    ("workload", "table_ms", "tolerance"),
    [
        pytest.param(mobilenet_v2(), MOBILENET_MS, 0.05, id="mobilenet-v2"),
        pytest.param(vit_small(), VIT_MS, 0.05, id="vit-s-16"),
        pytest.param(stream(size_bytes=DECODE_BYTES), DECODE_MS, 0.09, id="decode"),
    ],
)
def test_orin_nano_takes_the_measured_times(
    workload: Workload, table_ms: dict[float, tuple[float, ...]], tolerance: float
) -> None:
    """24 clock pairs each: a convolutional network and a transformer within 5 %, pure streaming within 9 %."""
    laws = Laws(shipped("orin-nano-super"))
    for memory_mhz, measured_ms in table_ms.items():
        for core_mhz, expected_ms in zip(ORIN_CORE_MHZ, measured_ms, strict=True):
            seconds, _ = at(laws, workload, core_mhz, memory_mhz)
            assert seconds * 1e3 == pytest.approx(expected_ms, rel=tolerance), (core_mhz, memory_mhz)


@pytest.mark.parametrize(
    ("core_mhz", "memory_mhz", "idle_w"),
    [(612, 2133, 4.99), (1020, 2133, 5.54), (918, 3199, 6.52), (1020, 3199, 6.63)],
)
def test_orin_nano_idles_at_the_measured_watts(core_mhz: float, memory_mhz: float, idle_w: float) -> None:
    """Module input, clocks pinned; the last is another board's reading after jetson_clocks."""
    laws = Laws(shipped("orin-nano-super"))
    assert laws.idle_w(OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_mhz)) == pytest.approx(idle_w, rel=0.01)


@pytest.mark.parametrize(
    ("core_mhz", "memory_mhz", "busy_w", "tolerance"),
    [(612, 2133, 10.5, 0.06), (1020, 2133, 14.2, 0.06), (1020, 3199, 17.0, 0.06), (1020, 665.6, 10.0, 0.12)],
)
def test_orin_nano_decodes_at_the_measured_watts(
    core_mhz: float, memory_mhz: float, busy_w: float, tolerance: float
) -> None:
    """Language-model decoding, 80 to 85 % busy: 5.0 + 9.0 * f at 2133 MHz, and the other memory clocks."""
    _, power_w = at(Laws(shipped("orin-nano-super")), stream(size_bytes=DECODE_BYTES), core_mhz, memory_mhz)
    assert power_w == pytest.approx(busy_w, rel=tolerance)


def test_agx_xavier_multiplies_matrices_at_the_measured_speed_and_watts() -> None:
    """The knee that was fitted to 14 clocks of GEMM 2048 at the wall: 9.6 + 13.5 g, knee 818 MHz, exponent 2.1."""
    laws = Laws(shipped("agx-xavier"))
    for core_mhz in shipped("agx-xavier").clock_table.core_clocks_mhz(None):
        seconds, power_w = at(laws, gemm(2048), core_mhz)
        ratio = core_mhz / 818
        assert power_w == pytest.approx(9.6 + 13.5 * (ratio if ratio < 1 else ratio**2.1), rel=0.07)
        assert 2 * 2048**3 / seconds == pytest.approx(0.98e9 * core_mhz, rel=0.05)


@pytest.mark.skipif(not AGX_CSV.exists(), reason="the public measurements are not beside the repository")
@pytest.mark.parametrize("batch", [1, 8])
def test_agx_xavier_runs_mobilenet_at_the_measured_speed_and_watts(batch: int) -> None:
    """14 clocks at the wall within 6 %; one row is left out that another load is known to have disturbed."""
    laws = Laws(shipped("agx-xavier"))
    workload = mobilenet_v2(batch=batch)
    with AGX_CSV.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["batch"] == str(batch)]
    assert len(rows) == 14
    for row in rows:
        seconds, power_w = at(laws, workload, float(row["core_mhz"]))
        assert seconds == pytest.approx(float(row["latency_s"]), rel=0.06)
        if (batch, row["core_mhz"]) != (1, "216.75"):
            assert power_w == pytest.approx(float(row["power_w"]), rel=0.06)


@pytest.mark.skipif(not TX2_CSV.exists(), reason="the public measurements are not beside the repository")
def test_tx2_runs_inception_at_the_measured_speed() -> None:
    """Inception v4 as 150 convolutions of 24.6 GFLOP: median error under 10 %, none over 20 %."""
    laws = Laws(shipped("tx2"))
    workload = convolutions(count=150, flops=24.6e9, size_bytes=0.75e9)
    with TX2_CSV.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if "nception" in row["workload"]]
    errors = sorted(
        abs(at(laws, workload, float(row["core_mhz"]), float(row["memory_mhz"]))[0] / float(row["latency_s"]) - 1)
        for row in rows
    )
    assert len(errors) == 52
    assert errors[26] < 0.10
    assert errors[-1] < 0.20


@pytest.mark.parametrize("core_mhz", [705, 802.5, 945, 1087.5, 1237.5, 1380])
def test_v100_draws_what_was_fitted_to_it(core_mhz: float) -> None:
    """Matrix products on the knee 40 + 22 g (545 MHz, 2.0); streaming on the cubic of fastWalsh, from 705 MHz."""
    file = shipped("v100")
    laws = Laws(file)
    point = min(file.clock_table.points, key=lambda candidate: abs(candidate.core_mhz - core_mhz))
    _, product_w = at(laws, gemm(8192), point.core_mhz)
    _, stream_w = at(laws, stream(size_bytes=40e9), point.core_mhz)
    ghz = point.core_mhz / 1e3
    assert product_w == pytest.approx(40 + 22 * (point.core_mhz / 545) ** 2.0, rel=0.05)
    assert stream_w == pytest.approx(70.2 + 15.9 * ghz + 17.7 * ghz**3, rel=0.12)


@pytest.mark.parametrize("core_mhz", [1005, 1110, 1200, 1305, 1410])
def test_a100_draws_what_was_fitted_to_it(core_mhz: float) -> None:
    """Arithmetic on 45 + 106 g (1134 MHz, 3.9), streaming on 45 + 126 g (1245 MHz, 3.0), as fitted above 1 GHz."""
    laws = Laws(shipped("a100"))
    _, product_w = at(laws, gemm(16384), core_mhz, 1215)
    stream_s, stream_w = at(laws, stream(size_bytes=80e9), core_mhz, 1215)
    top_s, _ = at(laws, stream(size_bytes=80e9), 1410, 1215)

    def knee_w(knee_w: float, knee_mhz: float, exponent: float) -> float:
        ratio = core_mhz / knee_mhz
        return 45 + knee_w * (ratio if ratio < 1 else ratio**exponent)

    assert product_w == pytest.approx(knee_w(106, 1134, 3.9), rel=0.06)
    assert stream_w == pytest.approx(knee_w(126, 1245, 3.0), rel=0.08)
    assert stream_s == pytest.approx(top_s, rel=0.02)


@pytest.mark.parametrize(("core_mhz", "idle_w"), [(210, 28.4), (600, 28.7), (900, 29.7), (1200, 36.7), (1410, 47.9)])
def test_a100_idles_at_the_measured_watts(core_mhz: float, idle_w: float) -> None:
    """A lock on an idle device costs energy: 28 W at the bottom, 48 W at the top."""
    assert Laws(shipped("a100")).idle_w(OperatingPoint(core_mhz=core_mhz, memory_mhz=1215)) == pytest.approx(
        idle_w, rel=0.02
    )


@pytest.mark.parametrize(
    ("stem", "idle_w", "full_w"), [("t4", 27, 70), ("l4", 28, 72), ("h100", 110, 700), ("h200", 122, 625)]
)
def test_assumed_boards_end_where_their_anchors_are(stem: str, idle_w: float, full_w: float) -> None:
    """No curve was published: idle with a context and the draw under full load at the top clock are what is known."""
    file = shipped(stem)
    laws = Laws(file)
    assert laws.idle_w(file.clock_table.top) == pytest.approx(idle_w, rel=0.02)
    assert laws.power_w(gemm(16384), file.clock_table.top) == pytest.approx(full_w, rel=0.03)


@pytest.mark.parametrize("stem", ["v100", "a100", "h100", "h200", "t4", "l4"])
def test_a_single_small_picture_is_bound_by_launches(stem: str) -> None:
    """MobileNetV2 at batch 1 leaves a data-centre GPU mostly waiting: most of the time scales with no clock."""
    file = shipped(stem)
    laws = Laws(file)
    top = file.clock_table.top
    workload = mobilenet_v2()
    seconds, power_w = at(laws, workload, top.core_mhz, top.memory_mhz)
    launches_s = len(workload.operations) * file.launch.launch_s
    assert launches_s > 0.4 * seconds
    assert power_w - laws.idle_w(top) < 0.45 * (laws.power_w(gemm(8192), top) - laws.idle_w(top))


@pytest.mark.parametrize("name", device_names())
def test_every_table_says_where_it_comes_from(name: str) -> None:
    """Basis and source of each table reach whoever asks the device."""
    notes = shipped(name.removeprefix("emulated:")).provenance()
    assert {"busy", "compute", "governor", "host", "idle[0]", "kinds.convolution", "ladders[0]", "meter"} <= set(notes)
    for note in notes.values():
        basis, _, source = note.partition(": ")
        assert basis in {"measured", "fitted", "derived", "assumed"}
        assert len(source) > 10
