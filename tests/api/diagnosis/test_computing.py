"""Whether torch is judged to fit the GPU, the driver and the CUDA it was built for."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.diagnosis.computing import Accelerators, Torch, TorchDevice, examine_torch, installed_torch
from joulecut.diagnosis.finding import Finding, Status
from joulecut_core.errors import DeviceError

H200 = TorchDevice(name="NVIDIA H200", capability=(9, 0), uuid="GPU-1")
CUDA = Torch(
    version="2.8.0+cu128",
    built_cuda="12.8",
    cuda_available=True,
    threads=8,
    architectures=("sm_75", "sm_80", "sm_86", "sm_90"),
    devices=(H200,),
)
CPU = Torch(version="2.8.0+cpu", built_cuda=None, cuda_available=False, threads=8)
LOST = replace(CUDA, cuda_available=False, devices=(), reason="Found no NVIDIA driver on your system")
ONE_GPU = Accelerators(gpus=1, driver_cuda=(12, 4))
TEGRA = Accelerators(tegra=True)


def told(torch: Torch | None, here: Accelerators) -> Finding:
    """The one finding about this torch on this machine."""
    (finding,) = examine_torch(lambda: here, lambda: torch)
    return finding


def test_matching_pair() -> None:
    """A newer minor CUDA than the driver's runs within a major version: no false alarm."""
    finding = told(CUDA, ONE_GPU)
    assert finding.status is Status.OK
    assert "NVIDIA H200" in finding.what
    assert finding.facts["driver_cuda"] == "12.4"


@pytest.mark.parametrize(
    ("torch", "here", "said", "remedy"),
    [
        (CPU, ONE_GPU, "computes on the CPU", "CUDA 12 or older"),
        (CPU, TEGRA, "computes on the CPU", "NVIDIA builds for this JetPack"),
        (replace(LOST, built_cuda="13.0"), ONE_GPU, "the driver goes up to CUDA 12.4", "update the NVIDIA driver"),
        (LOST, ONE_GPU, "Found no NVIDIA driver", "nvidia-smi"),
        (LOST, TEGRA, "cannot use the GPU", "JetPack"),
        (replace(CUDA, architectures=("sm_75", "sm_80")), ONE_GPU, "no code for NVIDIA H200", "covers 9.0"),
        (replace(CUDA, architectures=("sm_100",)), ONE_GPU, "compute capability 9.0", "get_arch_list"),
    ],
)
def test_mismatches_are_problems(torch: Torch, here: Accelerators, said: str, remedy: str) -> None:
    """What would compute somewhere else than where clocks are held, or nowhere, is said with its remedy."""
    finding = told(torch, here)
    assert finding.status is Status.PROBLEM
    assert said in finding.what
    assert remedy in (finding.remedy or "")


@pytest.mark.parametrize("architectures", [("sm_80", "compute_80"), ("sm_90a",), ()])
def test_code_that_runs_is_recognised(architectures: tuple[str, ...]) -> None:
    """PTX of an older architecture is compiled when loaded; an unknown list is no evidence."""
    assert told(replace(CUDA, architectures=architectures), ONE_GPU).status is Status.OK


def test_hosts_without_a_gpu() -> None:
    """A CPU torch is right there, a CUDA torch merely large, none at all is a choice."""
    nothing = Accelerators()
    assert told(CPU, nothing).status is Status.OK
    assert told(CUDA, nothing).status is Status.NOTE
    assert told(None, nothing).status is Status.NOTE
    assert "joulecut[torch]" in (told(None, nothing).remedy or "")
    assert "JetPack" in (told(None, TEGRA).remedy or "")


def fake_torch(folder: Path, code: str) -> dict[str, str]:
    """The environment in which `import torch` runs this code."""
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text(code)
    return {**os.environ, "PYTHONPATH": str(folder)}


FAKE = """
__version__ = "2.9.0"
class version: cuda = "12.6"
def get_num_threads(): return 3
class properties:
    name, major, minor, total_memory, uuid = "Orin", 8, 7, 8 << 30, "0-1"
class cuda:
    is_available = staticmethod(lambda: True)
    get_arch_list = staticmethod(lambda: ["sm_87"])
    device_count = staticmethod(lambda: 1)
    get_device_properties = staticmethod(lambda index: properties)
"""


def test_torch_is_asked_in_a_process_of_its_own(tmp_path: Path) -> None:
    """What the child process says arrives: version, CUDA, devices by NVML's name."""
    torch = installed_torch(fake_torch(tmp_path, FAKE))
    assert torch is not None
    assert (torch.version, torch.built_cuda, torch.threads) == ("2.9.0", "12.6", 3)
    assert torch.devices[0].uuid == "GPU-0-1"
    assert torch.devices[0].capability == (8, 7)


def test_cuda_that_does_not_start_says_why(tmp_path: Path) -> None:
    """torch's own words are kept: they name the driver or the library."""
    code = FAKE.replace("lambda: True", "lambda: False") + "    current_device = staticmethod(lambda: 1 / 0)\n"
    torch = installed_torch(fake_torch(tmp_path, code))
    assert torch is not None
    assert not torch.cuda_available
    assert torch.reason == "division by zero"


@pytest.mark.parametrize("crash", ["import os; os.abort()", "raise OSError('libcudart.so: no such file')"])
def test_a_torch_that_crashes_is_a_problem(tmp_path: Path, crash: str) -> None:
    """A broken installation takes its process down, not the diagnosis."""
    environment = fake_torch(tmp_path, crash)
    with pytest.raises(DeviceError, match="ended with status"):
        installed_torch(environment)
    (finding,) = examine_torch(Accelerators, lambda: installed_torch(environment))
    assert finding.status is Status.PROBLEM
    assert "reinstall torch" in (finding.remedy or "")


_ASKS = "from joulecut.diagnosis.computing import installed_torch; installed_torch()"
_HANGS = """
import os, pathlib, time
pathlib.Path({started!r}).write_text(str(os.getpid()))
time.sleep(60)
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs util-linux")
def test_a_torch_that_hangs_ends_with_whoever_asks(tmp_path: Path) -> None:
    """An interrupted examination waits for nobody, and its child would wait for its driver for ever."""
    started = tmp_path / "started"
    environment = fake_torch(tmp_path, _HANGS.format(started=str(started)))
    with subprocess.Popen([sys.executable, "-c", _ASKS], env=environment, stdout=subprocess.PIPE) as asking:
        while not (started.exists() and started.read_text(encoding="utf-8")):
            assert asking.poll() is None
        child = os.pidfd_open(int(started.read_text(encoding="utf-8")))
        asking.kill()
    ended, _, _ = select.select([child], [], [], 10.0)
    os.close(child)
    assert ended


def test_no_torch_at_all(tmp_path: Path) -> None:
    """A plain install is told apart from a broken one."""
    code = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')"
    assert installed_torch(fake_torch(tmp_path, code)) is None
