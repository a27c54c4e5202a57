"""Generated code: committed, untouched, and loadable by the oldest supported runtime."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
V1 = ROOT / "proto" / "joulecut_proto" / "v1"
OLDEST_PROTOBUF = (6, 31, 1)
"""The lower bound in pyproject.toml."""


def test_committed_code_is_what_the_generator_writes() -> None:
    """A changed .proto needs `scripts/protos`; a hand-made change of generated code is lost."""
    if importlib.util.find_spec("grpc_tools") is None:
        pytest.skip("grpcio-tools is not installed (extra: dev)")
    command = [sys.executable, str(ROOT / "scripts" / "protos"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stale_code_is_shown_and_refused(tmp_path: Path) -> None:
    """A field more in a .proto and a file too many beside it are found; regenerating mends both."""
    if importlib.util.find_spec("grpc_tools") is None:
        pytest.skip("grpcio-tools is not installed (extra: dev)")
    script, v1 = tmp_path / "scripts" / "protos", tmp_path / "proto" / "joulecut_proto" / "v1"
    shutil.copytree(V1, v1, ignore=shutil.ignore_patterns("__pycache__"))
    script.parent.mkdir()
    shutil.copy(ROOT / "scripts" / "protos", script)
    source = v1 / "devices.proto"
    changed = source.read_text(encoding="utf-8").replace(
        "message EnergyReading {", "message EnergyReading {\n  bool extra = 99;"
    )
    source.write_text(changed, encoding="utf-8")
    (v1 / "forgotten_pb2.py").write_text("stale = True\n", encoding="utf-8")

    def protos(*flags: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(script), *flags], capture_output=True, text=True, check=False)

    stale = protos("--check")
    assert stale.returncode == 1
    assert "+++ generated/devices_pb2.pyi" in stale.stdout
    assert "-stale = True" in stale.stdout
    assert protos().returncode == 0
    assert not (v1 / "forgotten_pb2.py").exists()
    assert protos("--check").returncode == 0


@pytest.mark.parametrize("path", sorted(V1.glob("*_pb2.py")), ids=lambda path: path.name)
def test_generated_code_asks_for_no_newer_protobuf(path: Path) -> None:
    """The runtime refuses, at import, code generated for a newer one."""
    declared = re.search(
        r"ValidateProtobufRuntimeVersion\(\s*\S+,\s*(\d+),\s*(\d+),\s*(\d+),", path.read_text(encoding="utf-8")
    )
    assert declared is not None
    assert tuple(map(int, declared.groups())) <= OLDEST_PROTOBUF


def test_generated_services_ask_for_no_newer_grpc() -> None:
    """The lower bound of grpcio in pyproject.toml is the generator's version."""
    for path in V1.glob("*_pb2_grpc.py"):
        assert "GRPC_GENERATED_VERSION = '1.74.0'" in path.read_text(encoding="utf-8")


def test_every_field_number_is_used_once_and_in_order() -> None:
    """Numbers are the contract: a gap tells that one was removed without being reserved."""
    for path in V1.glob("*.proto"):
        for block in re.findall(r"message \w+ \{([^{}]*)\}", path.read_text(encoding="utf-8")):
            numbers = [int(number) for number in re.findall(r"^\s+[^/\n]*= (\d+);", block, re.MULTILINE)]
            assert numbers == list(range(1, len(numbers) + 1)), f"{path.name}: {block}"
