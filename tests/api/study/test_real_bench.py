"""Studies on real hardware: here, whatever CPU runs the tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from joulecut.study.cell_meter import CellMeter, MeterPlan
from joulecut.study.cells import CellKey
from joulecut.study.engine_names import EngineName
from joulecut.study.exported_engines import exported_obstacle, prepare_exported
from joulecut.study.layers import layers_of
from joulecut.study.real_bench import RealBench, _check_same, open_real_bench
from joulecut_core.errors import DeviceError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.parts import Part
from joulecut_runtime.profiling.provision import example_inputs
from tests.api.study.tiny_networks import DEEP, deep, order, study
from tests.fakes.nvml import COMPILER, NO_COMPILER, FakeNvml, loaded

CPU = torch.device("cpu")
SHORT = MeterPlan(window_periods=1, window_runs=2, warm_up=1, settle_s=0.01, timed_s=0.01, layer_runs=2)
HAS_ONNX = all(find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))


@cache
def network() -> Network:
    """A network for a batch of two."""
    return Network(capture(deep(), (torch.zeros(2, 3, 32, 32),), name="deep"))


def test_every_engine_is_there_or_says_why_not() -> None:
    """On a CPU CUDA graphs and TensorRT cannot be; eager always is; the others depend on what is installed."""
    with closing(open_real_bench("cpu")) as bench:
        offers = {offer.engine: offer for offer in bench.offers}
    assert set(offers) == set(EngineName)
    assert offers[EngineName.EAGER].available
    assert "CUDA devices only" in offers[EngineName.CUDA_GRAPH].basis
    assert "NVIDIA GPUs only" in offers[EngineName.TENSORRT].basis
    assert offers[EngineName.ONNXRUNTIME].available is HAS_ONNX
    assert f"{torch.get_num_threads()} host threads" in offers[EngineName.EAGER].basis


def test_networks_parts_and_layers_really_run() -> None:
    """Each is executed and timed on the host; what it computes is the network's own answer."""
    with closing(open_real_bench("cpu")) as bench:
        key = CellKey(digest=network().table.digest, batch=2, engine=EngineName.EAGER, point=None)
        works = [
            bench.whole(network(), EngineName.EAGER),
            bench.part(network(), 1, "head", EngineName.EAGER),
            bench.part(network(), 1, "tail", EngineName.EAGER),
        ]
        layered = bench.layered(network().graph, layers_of(network().graph))
        with bench.stand(key) as stand:
            meter = CellMeter(stand, SHORT)
            results = [meter.whole(work, None, wait=False) for work in works]
            layers = meter.layers(layered, None).layers
    expected = network().whole(example_inputs(network().table.inputs))
    for computed in (works[0].compute(), works[2].compute(), layered.steps[-1].compute()):
        assert isinstance(computed, tuple)
        assert torch.equal(computed[0], expected[0])
    assert all(result.latency_s > 0 and result.runs >= 2 for result in results)
    assert len(layers) == len(layers_of(network().graph))
    assert all(layer.in_run_s > 0 for layer in layers)


def test_a_whole_study_of_this_cpu(tmp_path: Path) -> None:
    """Measured seconds; joules where this machine has a meter and nowhere else, and every claim has a verdict."""
    found = study(order(DEEP, device="cpu", batches=(1,), engines=(EngineName.EAGER,), clocks="2"), tmp_path)
    assert found.figures == "measured"
    metered = not any("no joules" in remark for remark in found.remarks)
    assert all((row.energy_j is not None) is metered for row in found.models)
    assert {row.clock for row in found.models} >= {"governor"}
    assert len(found.findings) == 7


def test_an_engine_that_answers_otherwise_is_not_timed() -> None:
    """A fast wrong answer is no result; rounding is none of its business."""
    right = (torch.tensor([1.0, -2.0]),)
    _check_same(network().whole, EngineName.COMPILE, (right[0] * (1 + 1e-5),), right)
    for wrong in (right[0] * 1.01, right[0] * float("nan")):
        with pytest.raises(DeviceError, match=r"under compile: output 0 differs from the eager one"):
            _check_same(network().whole, EngineName.COMPILE, (wrong,), right)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that brings them."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name.startswith("onnx") else name)
    obstacle = exported_obstacle(EngineName.ONNXRUNTIME, CPU)
    assert obstacle is not None
    assert "pip install onnxruntime onnx onnxscript" in obstacle
    on_cuda = exported_obstacle(EngineName.TENSORRT, torch.device("cuda", 0))
    assert on_cuda is not None
    assert "pip install onnxruntime-gpu" in on_cuda


@pytest.mark.skipif(not HAS_ONNX, reason="onnx, onnxscript and onnxruntime are not installed")
@pytest.mark.parametrize("choose", [lambda: network().whole, lambda: network().tail(1)], ids=["whole", "tail"])
def test_onnx_runtime_gives_the_same_answer(choose: Callable[[], Part]) -> None:
    """Exported as a whole or as a part, up to rounding."""
    chosen = choose()
    inputs = example_inputs(chosen.inputs)
    run = prepare_exported(chosen, inputs, EngineName.ONNXRUNTIME, CPU)
    for ours, theirs in zip(run(inputs), chosen(inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def _gpu_bench(root: Path) -> RealBench:
    """The bench of a GPU whose journals are kept below a folder."""
    return open_real_bench("nvml", DeviceOptions(root=str(root)))


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
@pytest.mark.skipif(torch.cuda.is_available(), reason="torch has CUDA here")
def test_a_gpu_that_torch_cannot_compute_on_is_in_doubt(tmp_path: Path) -> None:
    """Its meter runs while the host's CPU computes: no claim may be judged by that, and its clocks are given back."""
    fake = FakeNvml(tmp_path, ["h100"])
    with loaded(fake, busy=0.8), closing(_gpu_bench(tmp_path)) as bench:
        assert bench.holds_clocks
        assert bench.doubt is not None
        assert "computed on the host's CPU" in bench.doubt
        assert bench.doubt in bench.remarks
        assert not next(offer for offer in bench.offers if offer.engine is EngineName.CUDA_GRAPH).available
    assert fake.gpu.is_untouched


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
def test_clocks_that_may_not_be_set_are_left_alone(tmp_path: Path) -> None:
    """Without the right to set them there is no clock to sweep, and the reason is told."""
    fake = FakeNvml(tmp_path, ["h100"])
    with loaded(fake, busy=0.8, privileged=False), closing(_gpu_bench(tmp_path)) as bench:
        assert not bench.holds_clocks
        assert any("own governor" in remark for remark in bench.remarks)
    assert fake.gpu.is_untouched
