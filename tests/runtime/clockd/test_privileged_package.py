"""What runs as root stays small enough to be read in an hour, and pulls in nothing."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from tests.architecture.tree import imports, name, parsed

PACKAGE = Path(__file__).parents[3] / "runtime" / "joulecut_runtime" / "clockd"
UNPRIVILEGED = {"client.py"}
PRIVILEGED = sorted(path for path in PACKAGE.glob("*.py") if path.name not in UNPRIVILEGED)
LONGEST = 660
_LAYOUT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def code_lines(path: Path) -> int:
    """Lines with code on them: neither blank, nor comment, nor docstring."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    lines = {line for token in tokens if token.type not in _LAYOUT for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def test_privileged_package_is_short() -> None:
    """Whoever has to trust it can read it: daemon, lease book and all boards together."""
    lines = {path.name: code_lines(path) for path in PRIVILEGED}
    assert sum(lines.values()) <= LONGEST, lines


@pytest.mark.parametrize("path", PRIVILEGED, ids=name)
def test_privileged_package_imports_the_standard_library(path: Path) -> None:
    """Beyond that: nvidia-ml-py, the errors that all of joulecut raises, and itself without its client."""
    own = {f"joulecut_runtime.clockd.{path.stem}" for path in PRIVILEGED} | {"joulecut_runtime.clockd"}
    foreign = {module for module in imports(path) if module.split(".")[0] not in sys.stdlib_module_names}
    assert foreign <= {"joulecut_core.errors", "pynvml"} | own


def test_starting_the_daemon_loads_nothing_heavy() -> None:
    """Root's process holds no torch, no numpy and no gRPC in memory."""
    script = "import sys, joulecut_runtime.clockd.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert not set(loaded.stdout.split()) & {"torch", "numpy", "grpc", "google", "PIL", "safetensors"}
