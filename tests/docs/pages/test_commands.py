"""What is not run is at least known: commands, options, modules and files that the documents name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.architecture.tree import PACKAGES, ROOT, documents, name, text
from tests.docs.pages.blocks import Fate, all_blocks, blocks
from tests.docs.pages.command_lines import (
    OWN_PROGRAMS,
    command_lines,
    complaint,
    module_complaint,
    starts_of_joulecut,
)

_ENOUGH = 0.8
_IN_PROSE = re.compile(r"`((?:joulecut|edge-agent|server-agent|joulecut-clockd)(?: [^`<]+)?)`")
_MAKE_DEMO = re.compile(r'make demo ARGS="([^"]*)"')
_FOLDERS = {package: folder for folder, package in PACKAGES.items()}
_MODULE = re.compile(rf"(?<![\w./-])((?:{'|'.join(_FOLDERS)})(?:\.(?!v1\b|py\b|toml\b)\w+)+)(?![\w./-])")
"""`joulecut.fleet/2` is a schema, `joulecut.v1.Planner` a service."""
_PATH = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'tests', 'docs', 'benchmarks', 'deploy', 'scripts'))})/[\w./*-]+)`")
_WITHIN = ("benchmarks/", "deploy/", "docs/", "scripts/", "tests/")


def test_programs_take_the_words_of_every_command() -> None:
    """A renamed command, option or argument is renamed in the documents too, also where a block cannot be run."""
    said = {str(line): complaint(line.program, line.words) for line in starts_of_joulecut()}
    assert not {line: words for line, words in said.items() if words}


def test_programs_know_the_commands_and_options_of_the_prose() -> None:
    """`joulecut cuts --all` in a sentence is as true as in a block; what stands for a value is left out."""
    wrong = {}
    for path in documents():
        for written in _IN_PROSE.findall(text(path)) + [
            f"joulecut demo {words}" for words in _MAKE_DEMO.findall(text(path))
        ]:
            program, *words = written.split()
            options = [word.partition("=")[0] for word in words if word.startswith("--")]
            unknown = [
                option for option in options if complaint(program, [*_commands(words), option]).startswith("No such")
            ]
            if unknown or complaint(program, _commands(words)).startswith("no command"):
                wrong[f"{name(path)}: {written}"] = unknown
    assert not wrong


def _commands(words: list[str]) -> list[str]:
    """The leading words that may be commands; `joulecut CONFIG` and `joulecut device|pki` stand for several."""
    leading = []
    for word in words[:2]:
        if not re.fullmatch(r"[a-z-]+", word) or word.startswith("-"):
            break
        leading.append(word)
    return leading


def test_every_command_is_executed() -> None:
    """Each start of a program of joulecut is run by a test, four in five as they stand by those of this folder."""
    lines = starts_of_joulecut()
    assert not [str(line) for line in lines if line.block.fate is Fate.NOT_RUN]
    run = [line for line in lines if line.block.is_run]
    assert len(run) >= _ENOUGH * len(lines), [str(line) for line in lines if not line.block.is_run]


def test_modules_and_their_options_exist() -> None:
    """`python -m benchmarks.fleet --quick`: the module is there and names the option."""
    wrong = {}
    for block in all_blocks():
        for line in command_lines(block) if block.language == "sh" else ():
            if line.program.startswith("python") and line.words[:1] == ("-m",) and line.words[1] not in {"venv", "pip"}:
                wrong[str(line)] = module_complaint(line.words[1:])
    assert wrong
    assert not {line: said for line, said in wrong.items() if said}


def test_files_of_the_repository_exist() -> None:
    """What a command names below deploy/, docs/ and the like is in the repository, wildcards included."""
    missing = []
    for block in all_blocks():
        for line in command_lines(block) if block.language == "sh" else ():
            named = [word for word in (line.program, *line.words) if word.startswith(_WITHIN)]
            missing += [f"{block.place}: {word}" for word in named if not list(ROOT.glob(word.rstrip("/")))]
    assert not missing


def test_shells_can_read_every_block() -> None:
    """No unclosed quote, no missing `fi`."""
    for block in all_blocks():
        if block.language == "sh":
            done = subprocess.run(["/bin/sh", "-n"], input=block.body, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block.place}: {done.stderr}"


def test_every_block_says_what_becomes_of_it() -> None:
    """Commands and Python have a mark; a text block is what the block before it prints, or has a mark of its own."""
    unmarked = []
    before = None
    for block in all_blocks():
        assert block.fate is not Fate.UNKNOWN, block.place
        shown = block.language == "text" and block.follows and before is not None and before.fate is not Fate.UNMARKED
        if block.fate is Fate.UNMARKED and block.language in {"bash", "console", "py", "python", "sh", "shell", "text"}:
            unmarked += [] if shown else [block.place]
        before = block
    assert not unmarked


def test_no_command_hides_in_a_block_without_a_language() -> None:
    """Such blocks are drawings: what starts a program says that it is shell."""
    command = re.compile(r"^(\$ |joulecut |edge-agent |server-agent |make |pip |python3? )", flags=re.MULTILINE)
    assert not [block.place for block in all_blocks() if not block.language and command.search(block.body)]


def test_what_runs_a_block_exists() -> None:
    """`run by` names tests that speak of each command of joulecut in the block, or a page that runs the very same."""
    for block in all_blocks():
        if block.fate is Fate.ELSEWHERE:
            sources = [ROOT / file for file in block.detail.split()]
            assert all(source.is_file() for source in sources), block.place
            said = "".join(text(source) for source in sources if source.suffix != ".md")
            run = _run_on([source for source in sources if source.suffix == ".md"])
            for line in command_lines(block) if block.language == "sh" else ():
                if line.program in OWN_PROGRAMS and (line.program, line.words) not in run:
                    assert line.words[0].lstrip("-") in said, f"{line}: not in {block.detail}"


def _run_on(pages: list[Path]) -> set[tuple[str, tuple[str, ...]]]:
    """The commands that the tests of this folder run on those pages."""
    shells = (block for page in pages for block in blocks(page) if block.language == "sh" and block.is_run)
    return {(line.program, line.words) for block in shells for line in command_lines(block)}


def test_modules_and_paths_of_the_prose_exist() -> None:
    """What was moved or renamed is so in the documents too; the changelog tells of what was."""
    missing = []
    for path in set(documents()) - {ROOT / "CHANGELOG.md"}:
        missing += [f"{name(path)}: {dotted}" for dotted in _MODULE.findall(text(path)) if not _is_there(dotted)]
        for written in _PATH.findall(text(path)):
            if not any(list(folder.glob(written.rstrip("/"))) for folder in (ROOT, path.parent)):
                missing.append(f"{name(path)}: {written}")
    assert not missing


def _is_there(dotted: str) -> bool:
    """Whether modules lead to the name, or to a module that says it."""
    package, *parts = dotted.split(".")
    at = ROOT / _FOLDERS[package] / package
    for part in parts:
        if (at / part).is_dir():
            at /= part
        elif (at / f"{part}.py").is_file():
            at /= f"{part}.py"
        else:
            source = at if at.is_file() else at / "__init__.py"
            return re.search(rf"\b{part}\b", text(source)) is not None
    return True
