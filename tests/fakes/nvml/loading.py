"""Make the fake library this process's NVML for a while, without a process of its own."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pynvml

from tests.fakes.nvml import state
from tests.fakes.nvml.machine import FakeNvml


@contextmanager
def loaded(fake: FakeNvml, *, privileged: bool = True, busy: float = 0.0) -> Iterator[None]:
    """Within this context `import pynvml`, unmodified, speaks to the fake; what is left open is shut down."""
    before = dict(os.environ)
    os.environ.update(state.environment_of(fake.path, privileged=privileged, busy=busy))
    library = ctypes.CDLL(str(fake.library))
    pynvml.nvmlLib = library
    pynvml._nvmlGetFunctionPointer_cache.clear()
    try:
        yield
    finally:
        while library.nvmlShutdown() == pynvml.NVML_SUCCESS:
            pass
        pynvml.nvmlLib = None
        pynvml._nvmlGetFunctionPointer_cache.clear()
        os.environ.clear()
        os.environ.update(before)
