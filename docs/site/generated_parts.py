"""A hook of mkdocs: references that are made from the code stand where a page says `<!-- generated: ... -->`."""

from __future__ import annotations

import contextlib
import html
import importlib
import importlib.metadata
import inspect
import io
import os
import re
from collections.abc import Callable, Iterator
from typing import Protocol, cast

import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

FACES = ("joulecut", "joulecut_planner")
"""Packages whose public names are listed."""


class Parameter(Protocol):
    """What is read of an option or argument."""

    hidden: bool

    def get_help_record(self, ctx: object) -> tuple[str, str] | None:
        """Its names with its value, and what it means with its default."""
        ...


class Command(Protocol):
    """What is read of a command, or of a group, which has `commands`."""

    help: str | None
    params: list[Parameter]

    def make_context(self, info_name: str, args: list[str], *, resilient_parsing: bool) -> object:
        """What usage and names of values are asked with."""
        ...

    def get_usage(self, ctx: object) -> str:
        """One line that says how to call it."""
        ...


def _cell(text: str) -> str:
    """Plain text as a cell of a Markdown table."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", escaped)


def _rows(parameters: list[Parameter], context: object) -> Iterator[str]:
    for parameter in parameters:
        record = None if parameter.hidden else parameter.get_help_record(context)
        if record is not None:
            names, meaning = record
            yield f"| <code>{_cell(names)}</code> | {_cell(meaning)} |"


def command_sections(command: Command, name: str, level: int) -> Iterator[str]:
    """Markdown of a command and of all below it: what it does, how it is called, its options."""
    context = command.make_context(name, [], resilient_parsing=True)
    yield f"{'#' * level} {name}\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    usage = " ".join(command.get_usage(context).split()).removeprefix("Usage: ")
    yield f"```text\n{usage}\n```\n"
    rows = list(_rows(command.params, context))
    if rows:
        yield "\n".join(["| option | meaning |", "|---|---|", *rows]) + "\n"
    below: dict[str, Command] = getattr(command, "commands", {})
    for word, child in below.items():
        yield from command_sections(child, f"{name} {word}", min(level + 1, 3))


def _printed_help(module: str) -> str:
    """What a program that is no typer application prints for --help."""
    printed = io.StringIO()
    kept = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            importlib.import_module(module).main(["--help"])
    finally:
        os.environ.pop("COLUMNS")
        if kept is not None:
            os.environ["COLUMNS"] = kept
    return printed.getvalue().rstrip()


def command_line() -> str:
    """Markdown of every program that the distribution installs, from the module `cli` of its package."""
    sections: list[str] = []
    for entry in sorted(importlib.metadata.distribution("joulecut").entry_points, key=lambda entry: entry.name):
        if entry.group != "console_scripts":
            continue
        module = f"{entry.module.rpartition('.')[0]}.cli"
        application = getattr(importlib.import_module(module), "app", None)
        if isinstance(application, typer.Typer):
            command = cast("Command", typer.main.get_command(application))
            sections += command_sections(command, entry.name, 2)
        else:
            sections.append(f"## {entry.name}\n\n```text\n{_printed_help(module)}\n```\n")
    return "\n".join(sections)


def _source(face: str, name: str) -> str:
    """Where a public name is defined; the face itself for constants and aliases, which do not know."""
    value = getattr(importlib.import_module(face), name)
    known = inspect.isclass(value) or inspect.isfunction(value)
    return f"{value.__module__}.{value.__qualname__}" if known else f"{face}.{name}"


def python_api() -> str:
    """Markdown that asks mkdocstrings for each public name of the faces, once; where it comes again it is a link."""
    sections: list[str] = []
    shown: set[str] = set()
    for face in FACES:
        # Second names of a thing come after its own.
        names = sorted(
            importlib.import_module(face).__all__, key=lambda name: not _source(face, name).endswith(f".{name}")
        )
        sections.append(f"## {face}\n")
        repeated: list[str] = []
        for name in names:
            source = _source(face, name)
            if source in shown:
                repeated.append(f"[`{name}`][{source}]")
            else:
                shown.add(source)
                sections.append(f"::: {source}\n")
        if repeated:
            sections.append(f"And, as above: {', '.join(repeated)}.\n")
    return "\n".join(sections)


PARTS: dict[str, Callable[[], str]] = {"command-line": command_line, "python-api": python_api}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs' names
    """Put each part that a page asks for in its place."""
    for name, part in PARTS.items():
        mark = f"<!-- generated: {name} -->"
        if mark in markdown:
            markdown = markdown.replace(mark, part())
    return markdown
