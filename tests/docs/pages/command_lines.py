"""The command lines of the documents, and what joulecut's own programs say of their words without running them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import typer

from joulecut import cli as joulecut_cli
from joulecut_edge import cli as edge_cli
from joulecut_server import cli as server_cli
from tests.architecture.tree import ROOT
from tests.docs.pages.blocks import Block, all_blocks

_APPS = {"edge-agent": edge_cli.app, "joulecut": joulecut_cli.app, "server-agent": server_cli.app}
OWN_PROGRAMS = frozenset({*_APPS, "joulecut-clockd"})
_CLOCKD_FLAGS = {"--root", "--socket", "--rules", "--restore", "--help"}
_AT_ONCE = {"--help", "--version", "--install-completion", "--show-completion"}
"""Options that act while they are parsed."""
_SHELL_WORDS = {"&", "|", "||", "&&", ">", ">>", "<", "2>", ";", "if", "then", "until", "do"}


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One start of a program: its words up to where the shell goes on with something else."""

    block: Block
    program: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.block.place} {shlex.join((self.program, *self.words))}"


def command_lines(block: Block) -> Iterator[CommandLine]:
    """The starts of programs in a shell block, variables before them dropped, continued lines joined."""
    for line in _without_documents(block.body.replace("\\\n", " ")):
        words = shlex.split(line, comments=True)
        while words:
            end = next((number for number, word in enumerate(words) if word in _SHELL_WORDS), len(words))
            start = [word for word in words[:end] if "=" not in word.split("-")[0] or word.startswith("-")]
            if start:
                yield CommandLine(block, start[0].rpartition("/")[2], tuple(start[1:]))
            after = words[end:]
            words = after[2:] if after and after[0] in {">", ">>", "<", "2>"} else after[1:]


def _without_documents(text: str) -> Iterator[str]:
    """The lines that are commands: what a `<<'END'` begins is not."""
    ending = ""
    for line in text.splitlines():
        if ending:
            ending = "" if line == ending else ending
            continue
        ending = line.partition("<<")[2].strip("'") if "<<" in line else ""
        yield line


@cache
def starts_of_joulecut() -> tuple[CommandLine, ...]:
    """Every start of a program of joulecut in a shell block of the documents."""
    shells = (block for block in all_blocks() if block.language == "sh")
    return tuple(line for block in shells for line in command_lines(block) if line.program in OWN_PROGRAMS)


def complaint(program: str, words: Sequence[str]) -> str:
    """What the program would say of these words before it does anything; empty where it takes them."""
    if program == "joulecut-clockd":
        unknown = {word for word in words if word.startswith("--")} - _CLOCKD_FLAGS
        return f"unknown {unknown}" if unknown else ""
    return _complaint(program, tuple(words))


@cache
def _command(program: str) -> Any:
    # Of the click that is inside typer, which has no public types.
    return typer.main.get_command(_APPS[program])


@cache
def _complaint(program: str, words: tuple[str, ...]) -> str:
    command = _command(program)
    rest = list(words)
    while rest and not rest[0].startswith("-") and hasattr(command, "commands"):
        name = rest.pop(0)
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    if hasattr(command, "commands") and not rest:
        return ""  # it lists its commands
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    at_once = _AT_ONCE & set(rest)
    if at_once:
        return f"unknown {at_once - known}" if at_once - known else ""
    try:
        command.make_context(program, rest)
    except Exception as error:  # noqa: BLE001 - typer has a click of its own, whose errors have no public name
        return str(getattr(error, "message", "")) or repr(error)
    return ""


def module_complaint(words: Sequence[str]) -> str:
    """What is wrong with the words behind `python -m`; empty where the module knows each option."""
    module, *rest = words
    file = ROOT.joinpath(*module.split("."))
    sources = list(file.glob("*.py")) if (file / "__main__.py").is_file() else list(file.parent.glob(f"{file.name}.py"))
    if not sources:
        return f"no module {module}"
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    options = [word.removeprefix("--") for word in rest if word.startswith("--")]
    unknown = [option for option in options if f'"--{option}"' not in text and f"    {option}: Annotated[" not in text]
    return f"unknown {unknown}" if unknown else ""
