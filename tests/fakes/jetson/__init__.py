"""Jetsons as files: kernel trees of several boards, and a thread that treats them as the kernel would."""

from tests.fakes.jetson.boards import ALL_BOARDS, BoardSpec, EmcLayout, Rail, RailLayout
from tests.fakes.jetson.kernel import FakeKernel, Regime
from tests.fakes.jetson.tree import JetsonTree, build, make_blocking, make_unreadable, unblock

__all__ = [
    "ALL_BOARDS",
    "BoardSpec",
    "EmcLayout",
    "FakeKernel",
    "JetsonTree",
    "Rail",
    "RailLayout",
    "Regime",
    "build",
    "make_blocking",
    "make_unreadable",
    "unblock",
]
