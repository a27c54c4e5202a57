"""How the processes that run the tests share a machine, and what they start programs in."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator

import pytest

from tests.kept import FOLDER
from tests.warm.programs import WarmPrograms, warm_programs

_WAITING = (frozenset({"chaos", "integration"}), frozenset({"e2e", "pages"}))
"""Folders whose tests wait for programs, links and clocks of the world more than they compute, in equal halves."""


def pytest_configure(config: pytest.Config) -> None:
    """Shells start what runs in their background deaf to Ctrl-C, and with it all that tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if FOLDER not in os.environ:
        folder = tempfile.mkdtemp(prefix="joulecut-tests-")
        os.environ[FOLDER] = folder
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(FOLDER, folder)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: while one waits, the others keep every core busy."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What waits comes first, beside what computes: at the end there is only what is quickly shared out.

    Of several processes, each begins with a share of the tests in their order, and takes others' when it is done.
    """
    first, second = ([item for item in items if not names.isdisjoint(item.path.parts)] for names in _WAITING)
    rest = [item for item in items if all(names.isdisjoint(item.path.parts) for names in _WAITING)]
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    beside = max(0, len(items) // processes - len(first)) if processes > 2 else 0
    items[:] = [*first, *rest[:beside], *second, *rest[beside:]]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Imports and tests stay to the end: looking through them for garbage again and again finds none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(name="warm", scope="session")
def _warm() -> WarmPrograms:
    """joulecut's programs as forks of one interpreter that has imported everything."""
    return warm_programs()


@pytest.fixture(scope="module")
def started_warm(warm: WarmPrograms) -> Iterator[None]:
    """For a module's tests: programs that lie beside the interpreter are started warm.

    They are processes of their own all the same. Tests of signals, of what is left behind and of the installed
    programs themselves do without.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "executable", str(warm.path / "python"))
        yield
