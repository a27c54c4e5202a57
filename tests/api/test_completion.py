"""Shell completion: the right words, and nothing heavy loaded while somebody holds a key down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from joulecut.simulation.policy_choice import NAMES
from joulecut_edge.plan_words import POLICIES, TAILS
from joulecut_planner.policies import Policy
from joulecut_planner.tails import TailMethod
from joulecut_runtime.devices import device_names
from joulecut_runtime.devices.completions import bundle_completions, device_completions
from joulecut_runtime.devices.options import ENGINES, PRECISIONS
from joulecut_runtime.engines import EngineName, Precision
from joulecut_server.serving.options import POLICIES as SERVING_POLICIES

MODULES = {"joulecut": "joulecut.cli", "edge-agent": "joulecut_edge.cli", "server-agent": "joulecut_server.cli"}
pytestmark = pytest.mark.usefixtures("started_warm")
HEAVY = {"torch", "grpc", "google.protobuf", "scipy", "matplotlib", "plotly", "cryptography"}


def completed(program: str, *words: str) -> list[str]:
    """What bash is offered for the last word."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program))],
        env={
            **os.environ,
            f"_{program.upper().replace('-', '_')}_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join((program, *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("joulecut", "exp"), ["explain"]),
        (("joulecut", "profile", "b", "--device", "emulated:t"), ["emulated:t4", "emulated:tx2"]),
        (("joulecut", "simulate", "--policy", "fixed,e"), ["fixed,eali"]),
        (("edge-agent", "--policy", "all-"), ["all-edge", "all-server"]),
        (("server-agent", "--device", "emulated:h"), ["emulated:h100", "emulated:h200"]),
    ],
)
def test_words_are_offered(words: tuple[str, ...], offered: list[str]) -> None:
    """Commands, devices and policies, from the installed programs."""
    assert completed(*words) == offered


@pytest.mark.parametrize("program", MODULES)
def test_starting_loads_nothing_heavy(program: str) -> None:
    """Help, completion and --print-config come at once: the programs' modules load no torch, no gRPC."""
    code = f"import sys, {MODULES[program]}; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_what_is_written_down_is_what_there_is() -> None:
    """What was added or renamed is completed, and taken in a configuration, too."""
    assert NAMES == SERVING_POLICIES
    assert tuple(policy.value for policy in Policy) == POLICIES
    assert tuple(method.value for method in TailMethod) == TAILS
    assert tuple(engine.value for engine in EngineName) == ENGINES
    assert tuple(precision.value for precision in Precision) == PRECISIONS
    assert set(device_completions("emulated:")) == {name for name in device_names() if name.startswith("emulated:")}


def test_bundles_are_folders(tmp_path: Path) -> None:
    """Bundles as they are, other folders to go on into, nothing hidden, no files; no folder, no offers."""
    for name in ("lite0", "less", ".hidden", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "lite0" / "manifest.json").touch()
    (tmp_path / "letter").touch()
    assert bundle_completions(f"{tmp_path}/l") == [f"{tmp_path}/less/", f"{tmp_path}/lite0"]
    assert bundle_completions(f"{tmp_path}/") == [f"{tmp_path}/less/", f"{tmp_path}/lite0", f"{tmp_path}/other/"]
    assert bundle_completions(f"{tmp_path}/letter/x") == []
