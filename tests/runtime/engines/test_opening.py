"""Opening engines: what is not there is said with the remedy, and never silently replaced."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from joulecut_core.errors import ConfigError
from joulecut_core.timing import ManualClock
from joulecut_runtime.engines import EngineName, Precision, engine_obstacle, open_engine

CPU = torch.device("cpu")


def test_the_default_is_eager_fp32_on_the_cpu() -> None:
    """Nothing changes for who does not choose."""
    engine = open_engine(clock=ManualClock())
    assert (engine.name, engine.precision, engine.torch_device) == (EngineName.EAGER, Precision.FP32, CPU)


def test_cuda_graphs_need_cuda() -> None:
    """The refusal names the engine, the device and what to use."""
    with pytest.raises(ConfigError, match=r"engine cuda-graph on cpu: CUDA graphs exist .*; use eager or compile"):
        open_engine(EngineName.CUDA_GRAPH, torch_device=CPU, clock=ManualClock())


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
@pytest.mark.parametrize("name", EngineName)
def test_cuda_needs_cuda(name: EngineName) -> None:
    """A torch without CUDA is said to be one, for every engine."""
    with pytest.raises(ConfigError, match="finds no usable CUDA device; install a CUDA build of torch"):
        open_engine(name, torch_device=torch.device("cuda", 0), clock=ManualClock())


def test_other_devices_are_refused() -> None:
    """No device is taken for another."""
    assert "not on mps" in (engine_obstacle(EngineName.EAGER, torch.device("mps")) or "")


def test_compile_needs_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said when the engine is opened, not after the first request; $CXX is believed over the search path."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install g++" in (engine_obstacle(EngineName.COMPILE, CPU) or "")
    compiler = tmp_path / "my-c++"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    assert engine_obstacle(EngineName.COMPILE, CPU) is None
    assert engine_obstacle(EngineName.EAGER, CPU) is None


def test_half_precision_on_a_cpu_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """It works, at a fiftieth of the speed: nobody should find out by waiting."""
    with caplog.at_level(logging.WARNING):
        open_engine(precision=Precision.BF16, clock=ManualClock())
        assert not caplog.records
        open_engine(precision=Precision.FP16, clock=ManualClock())
    assert "slower" in caplog.text


def test_names_are_those_of_profile_keys() -> None:
    """The words of the default are those that profiles made before engines could be chosen carry."""
    assert EngineName("eager") is EngineName.EAGER
    assert Precision("fp32") is Precision.FP32
    assert [name.value for name in EngineName] == ["eager", "compile", "cuda-graph"]
    assert [precision.value for precision in Precision] == ["fp32", "fp16", "bf16"]
