"""What runs as root stays small enough to be read in an hour, and pulls in nothing."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from tests.architecture.tree import imports, name, parsed

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "runtime" / "joulecut_runtime" / "clockd"
UNPRIVILEGED = {"client.py"}
PRIVILEGED = sorted(path for path in PACKAGE.glob("*.py") if path.name not in UNPRIVILEGED)
UNCOUNTED = {ROOT / "core/joulecut_core/errors.py"}
"""The words for what went wrong, which all of joulecut shares: classes without code."""
LONGEST = 500
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
    """Whoever has to trust it can read it: daemon, lease book and all boards together, and no line of it elsewhere.

    Counted is every file of joulecut that root's process has loaded once it has looked for boards of every kind.
    """
    script = (
        "import json, pathlib, sys; from joulecut_runtime.clockd import book, cli;"
        "book.find_boards(pathlib.Path('/-'));"
        "print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.startswith('joulecut')]))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    lines = {path: code_lines(path) for path in sorted(map(Path, json.loads(told.stdout)))}
    counted = {path: count for path, count in lines.items() if count and path not in UNCOUNTED}
    assert set(counted) == {path for path in PRIVILEGED if code_lines(path)}
    assert sum(counted.values()) <= LONGEST, counted


def test_what_is_not_counted_has_no_code() -> None:
    """Errors are classes with a docstring each, so that nothing hides there."""
    for path in UNCOUNTED:
        body = [node for node in parsed(path).body if not isinstance(node, ast.ClassDef)]
        assert all(isinstance(node, (ast.Expr, ast.ImportFrom)) for node in body)
        classes = [node for node in parsed(path).body if isinstance(node, ast.ClassDef)]
        assert all(isinstance(statement, ast.Expr) for node in classes for statement in node.body)


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
