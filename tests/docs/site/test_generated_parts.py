"""References that are made from the code."""

from __future__ import annotations

import re
from typing import Annotated

import typer
import typer.main

import joulecut
import joulecut_planner
from tests.architecture.test_packages import PROJECT
from tests.docs.site.hooks import hook

parts = hook("generated_parts")


def test_a_command_is_shown_with_what_its_help_says() -> None:
    """Arguments, options with defaults, flags; marks of Markdown in a help text are text."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def mix(
        source: Annotated[str, typer.Argument(help="Where from.")],
        speed: Annotated[int, typer.Option(help="A|B, `c` and <d>.")] = 3,
        secret: Annotated[bool, typer.Option(hidden=True)] = False,
    ) -> None:
        """Mix it."""

    shown = "\n".join(parts.command_sections(typer.main.get_command(app), "mixer", 2))
    assert shown.startswith("## mixer\n\nMix it.\n")
    assert re.search(r"^\| <code>source .*</code> \| Where from\. .*required", shown, flags=re.MULTILINE)
    assert re.search(r"^\| <code>--speed .*</code> \| A\\\|B, \\`c\\` and &lt;d&gt;\. .*3", shown, flags=re.MULTILINE)
    assert "secret" not in shown


def test_every_program_and_command_has_its_section() -> None:
    """What the distribution installs, and what `joulecut` assembles, groups included."""
    headings = re.findall(r"^#+ (.+)$", parts.command_line(), flags=re.MULTILINE)
    assert set(PROJECT["project"]["scripts"]) <= set(headings)
    assert {"joulecut plan", "joulecut device", "joulecut device list", "joulecut pki init"} <= set(headings)
    assert len(headings) == len(set(headings))


def test_every_public_name_is_asked_for_once() -> None:
    """Names that both faces offer are shown by the first and linked by the second."""
    markdown = parts.python_api()
    shown = re.findall(r"^::: (\S+)$", markdown, flags=re.MULTILINE)
    assert len(shown) == len(set(shown))
    known = {path.rsplit(".", 1)[1] for path in shown} | set(re.findall(r"\[`(\w+)`\]", markdown))
    assert {*joulecut.__all__, *joulecut_planner.__all__} <= known
