"""Engines and cells on emulated devices."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from joulecut.study.cell_meter import CellMeter
from joulecut.study.cells import CellKey, CellResult
from joulecut.study.emulated_bench import GRAPH_LAUNCH_SHARE, EmulatedBench
from joulecut.study.engine_names import EngineName, available
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.opening import device_names
from joulecut_runtime.networks.network import Network
from tests.api.study.tiny_networks import METER, deep


@cache
def network() -> Network:
    """What is measured."""
    return Network(capture(deep(), (torch.zeros(1, 3, 32, 32),), name="deep"))


def measured(bench: EmulatedBench, engine: EngineName) -> CellResult:
    """The network at the top clock."""
    key = CellKey(digest=network().table.digest, batch=1, engine=engine, point=bench.clock_table.top)
    with bench.stand(key) as stand:
        return CellMeter(stand, METER).whole(bench.whole(network(), engine), key.point, wait=True)


def test_a_graph_saves_the_stated_share_of_each_launch_and_nothing_else() -> None:
    """The difference between the engines is operations times what is assumed of the launch."""
    bench = EmulatedBench("emulated:v100", seed=0)
    eager, graph = (measured(bench, engine) for engine in (EngineName.EAGER, EngineName.CUDA_GRAPH))
    operations = sum(operation.kind.value != "view" for operation in network().whole.workload.operations)
    saved_s = operations * (1 - GRAPH_LAUNCH_SHARE) * 20e-6
    assert eager.latency_s - graph.latency_s == pytest.approx(saved_s, rel=0.05)


def test_a_cell_is_the_same_whatever_was_measured_before() -> None:
    """A resumed study equals one that was never interrupted; another seed gives other noise."""
    bench = EmulatedBench("emulated:v100", seed=3)
    first = measured(bench, EngineName.EAGER)
    measured(bench, EngineName.CUDA_GRAPH)
    assert measured(bench, EngineName.EAGER) == first
    assert measured(EmulatedBench("emulated:v100", seed=4), EngineName.EAGER) != first


@pytest.mark.parametrize("name", device_names())
def test_every_engine_is_there_or_says_why_not(name: str) -> None:
    """No engine vanishes silently, what fuses kernels is never emulated, and graphs need an eager launch to save."""
    bench = EmulatedBench(name, seed=0)
    offers = {offer.engine: offer for offer in bench.offers}
    assert set(offers) == set(EngineName)
    assert all(len(offer.basis.split()) > 4 for offer in offers.values())
    assert offers[EngineName.EAGER].available
    for engine in (EngineName.COMPILE, EngineName.ONNXRUNTIME, EngineName.TENSORRT):
        assert not offers[engine].available
    eager_launch = bench.info.notes["launch"].startswith("assumed: eager PyTorch")
    assert offers[EngineName.CUDA_GRAPH].available is eager_launch
    if eager_launch:
        assert "assumed" in offers[EngineName.CUDA_GRAPH].basis


def test_asking_only_for_engines_that_are_not_there_is_an_error_with_the_reasons() -> None:
    """Nothing would be left to study."""
    offers = EmulatedBench("emulated:tx2", seed=0).offers
    with pytest.raises(ConfigError, match=r"none of the engines .* compile: the emulation models no kernel fusion"):
        available(offers, (EngineName.COMPILE,))


def test_an_unknown_device_is_refused() -> None:
    """With the names nearest to it."""
    with pytest.raises(DeviceError, match="v100"):
        EmulatedBench("emulated:v101", seed=0)
