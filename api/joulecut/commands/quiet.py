"""The option of every command that takes a while: no bars, no notes."""

from __future__ import annotations

from typing import Annotated

import typer

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no notes.")]
