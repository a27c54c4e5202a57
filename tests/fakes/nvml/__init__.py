"""A libnvidia-ml.so.1 without a GPU behind it, for the unmodified nvidia-ml-py; see README.md."""

from tests.fakes.nvml.building import COMPILER, NO_COMPILER, library_folder, symbols
from tests.fakes.nvml.generations import GENERATIONS, Generation
from tests.fakes.nvml.gpu import FakeGpu
from tests.fakes.nvml.loading import loaded
from tests.fakes.nvml.machine import Change, FakeNvml
from tests.fakes.nvml.state import Can

__all__ = [
    "COMPILER",
    "GENERATIONS",
    "NO_COMPILER",
    "Can",
    "Change",
    "FakeGpu",
    "FakeNvml",
    "Generation",
    "library_folder",
    "loaded",
    "symbols",
]
