"""The repository as the architecture tests see it: packages, modules and documents."""

from __future__ import annotations

import ast
import gc
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = {
    "core": "joulecut_core",
    "planner": "joulecut_planner",
    "proto": "joulecut_proto",
    "runtime": "joulecut_runtime",
    "edge": "joulecut_edge",
    "server": "joulecut_server",
    "api": "joulecut",
}
"""Top-level folder to the one package in it."""

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"joulecut"}),
    frozenset({"joulecut_edge", "joulecut_server"}),
    frozenset({"joulecut_runtime", "joulecut_planner", "joulecut_proto"}),
    frozenset({"joulecut_core"}),
)
"""From the face down; a package may import those of the floors below it only."""

_GENERATED = "proto/joulecut_proto/v1/"


@cache
def modules() -> tuple[Path, ...]:
    """Every hand-written module of the seven packages."""
    found = (path for folder, package in PACKAGES.items() for path in (ROOT / folder / package).rglob("*.py"))
    return tuple(sorted(path for path in found if not path.relative_to(ROOT).as_posix().startswith(_GENERATED)))


@cache
def modules_of_tests() -> tuple[Path, ...]:
    """Every module below tests/."""
    return tuple(sorted((ROOT / "tests").rglob("*.py")))


@cache
def documents() -> tuple[Path, ...]:
    """Every Markdown file of the repository."""
    top = list(ROOT.glob("*.md"))
    below = [path for path in ROOT.glob("[!.]*/**/*.md") if "node_modules" not in path.parts]
    return tuple(sorted(top + below))


def name(path: Path) -> str:
    """A path as a test's id: relative to the root."""
    return path.relative_to(ROOT).as_posix()


@cache
def text(path: Path) -> str:
    """What a file holds."""
    return path.read_text(encoding="utf-8")


@cache
def parsed(path: Path) -> ast.Module:
    """The module's syntax tree, as Python 3.10 reads it."""
    return ast.parse(text(path), filename=str(path), feature_version=(3, 10))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of the module's syntax tree."""
    return tuple(ast.walk(parsed(path)))


def statements(path: Path) -> Iterator[ast.stmt | ast.excepthandler | ast.match_case]:
    """Every statement of the module, within others too; a tenth of its nodes."""
    rest: list[ast.stmt | ast.excepthandler | ast.match_case] = [*parsed(path).body]
    while rest:
        statement = rest.pop()
        yield statement
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            rest += getattr(statement, field, ())


@cache
def imports(path: Path) -> frozenset[str]:
    """Dotted names of all modules that a module imports, wherever in it."""
    found: set[str] = set()
    for node in statements(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return frozenset(found)


def offences(paths: Iterable[Path], rule: Callable[[Path], Iterable[object]]) -> dict[str, list[object]]:
    """What breaks a rule, by the name of the file it is in; a test of a rule asserts that this is empty.

    One test looks at all files, since a test for each file and rule costs far more than the look itself.
    """
    # Syntax trees stay, and are so large that looking for garbage among them takes longer than parsing.
    gc.disable()
    try:
        found = {name(path): list(rule(path)) for path in paths}
    finally:
        gc.freeze()
        gc.enable()
    return {path: broken for path, broken in found.items() if broken}
