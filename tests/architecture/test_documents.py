"""Documents: links resolve, the changelog and decisions keep their form, commands and flags exist, examples run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from joulecut_core import errors
from joulecut_core.exits import ExitCode
from tests.architecture.tree import ROOT, documents, name, python_cells, shell_blocks

PROGRAMS = Path(sys.executable).parent
GROUPS = {"device", "pki", "pool"}
"""Subcommands of `joulecut` that have subcommands."""
PROGRAM_NAMES = {"edge-agent", "joulecut", "joulecut-clockd", "server-agent"}
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The anchors that a Markdown file's headings make."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def command_lines(path: Path) -> list[list[str]]:
    """The words of each command in a document's shell blocks, continuation lines joined, comments dropped."""
    text = "\n".join(shell_blocks(path)).replace("\\\n", " ")
    return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]


@cache
def help_text(*command: str) -> str:
    """What `command --help` prints, on one wide line per option."""
    wide = {**os.environ, "COLUMNS": "240", "NO_COLOR": "1", "TERM": "dumb"}
    result = subprocess.run(
        [PROGRAMS / command[0], *command[1:], "--help"],
        capture_output=True,
        text=True,
        check=False,
        env=wide,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("path", documents(), ids=name)
def test_links_resolve(path: Path) -> None:
    """Every relative link leads to a file of the repository, every anchor to a heading."""
    broken = []
    for target in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"^[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert not broken


def documented_commands() -> list[tuple[str, ...]]:
    """Every line that starts a program of joulecut, as (document, words...)."""
    lines: set[tuple[str, ...]] = set()
    for path in documents():
        for command in command_lines(path):
            words = [word for word in command if "=" not in word or word.startswith("-")]
            if words and words[0] in PROGRAM_NAMES:
                lines.add((name(path), *words))
        demos = re.findall(r'make demo ARGS="([^"]*)"', path.read_text(encoding="utf-8"))
        lines |= {(name(path), "joulecut", "demo", *shlex.split(arguments)) for arguments in demos}
    return sorted(lines)


@pytest.mark.parametrize("line", documented_commands(), ids=" ".join)
def test_documented_commands_and_flags_exist(line: tuple[str, ...]) -> None:
    """A renamed subcommand or flag is renamed in the documents too."""
    program, *words = line[1:]
    if program == "joulecut":
        depth = 2 if words[0] in GROUPS and words[1:] and not words[1].startswith("-") else 1
        command: tuple[str, ...] = (program,) if words[0].startswith("-") else (program, *words[:depth])
    else:
        command = (program,)
    text = help_text(*command)
    flags = [word.split("=")[0] for word in words if word.startswith("--")]
    missing = [flag for flag in flags if not re.search(rf"(^|[\s,/]){flag}([\s,/=]|$)", text, flags=re.MULTILINE)]
    assert not missing, text


def documents_to_run() -> list[Path]:
    """The documents that hold at least one block to run."""
    return [path for path in documents() if shell_blocks(path, marked=True)]


@pytest.mark.parametrize("path", documents_to_run(), ids=name)
def test_marked_commands_run(path: Path, tmp_path: Path) -> None:
    """The blocks below a `<!-- test -->` mark run in order, in an empty folder beside a copy of docs/examples."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    script = "set -eu\n" + "\n".join(shell_blocks(path, marked=True))
    result = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={
            **os.environ,
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        },
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_readme_has_something_to_run() -> None:
    """The first page's commands and its Python are among what is run."""
    assert ROOT / "README.md" in documents_to_run()
    assert ROOT / "README.md" in documents_with_cells()


def documents_with_cells() -> list[Path]:
    """The documents that hold Python to run."""
    return [path for path in documents() if python_cells(path)]


@pytest.mark.parametrize("path", documents_with_cells(), ids=name)
def test_marked_python_runs_and_prints_what_the_page_shows(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cell after cell in one namespace, as in a notebook; a text block behind a cell is what it prints."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for number, (code, expected) in enumerate(python_cells(path)):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"{name(path)}, cell {number}", "exec"), namespace)  # noqa: S102 - our own pages
        assert expected is None or printed.getvalue() == expected


def test_example_problems_are_of_the_contract() -> None:
    """Every example says its schema and is plain JSON."""
    examples = sorted((ROOT / "docs" / "examples").glob("*.json"))
    assert examples
    for path in examples:
        assert json.loads(path.read_text(encoding="utf-8"))["schema"].startswith("joulecut.")


@pytest.mark.parametrize("path", DECISIONS, ids=name)
def test_decisions_have_a_form(path: Path) -> None:
    """Number and title, then status, context, decision, consequences; at most a page."""
    text = path.read_text(encoding="utf-8")
    assert re.match(rf"^# {int(path.name[:4])}\. \S", text)
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Status", "Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    """The index names each decision once."""
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert all(index.count(f"]({path.name})") == 1 for path in DECISIONS)


def test_changelog_keeps_its_form() -> None:
    """Keep a Changelog: known headings, newest first, the version of pyproject.toml on top."""
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2}|unreleased)$", CHANGELOG, flags=re.MULTILINE)
    headings = re.findall(r"^## (.+)$", CHANGELOG, flags=re.MULTILINE)
    assert len([heading for heading in headings if heading != "[Unreleased]"]) == len(releases)
    versions = [tuple(map(int, version.split("."))) for version, _ in releases]
    assert versions == sorted(versions, reverse=True)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{releases[0][0]}"' in project
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Contract"}
    assert set(re.findall(r"^### (.+)$", CHANGELOG, flags=re.MULTILINE)) <= known


def test_every_exit_code_has_its_section() -> None:
    """A service manager's owner finds each number, and what raises it."""
    page = (ROOT / "docs" / "reference-exit-codes.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (\d+): `(\w+)`", page, flags=re.MULTILINE)
    assert sections == [(str(int(code)), code.name) for code in ExitCode]
    for error in vars(errors):
        if error.endswith("Error") and error != "JoulecutError":
            assert f"`{error}`" in page


def test_documents_speak_of_the_project_alone() -> None:
    """No path of somebody's machine, no open end."""
    for path in documents():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(/work/|/root/|/home/(?!user)|\bTODO\b|\bTBD\b)", text), path
