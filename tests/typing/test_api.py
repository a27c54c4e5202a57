"""The user's program beside this module names what exists; `mypy` and `pyright` check how it uses it."""

from __future__ import annotations

import importlib


def test_a_users_program_names_what_exists() -> None:
    """Names under `if TYPE_CHECKING` could be of nothing."""
    importlib.import_module("tests.typing.api")
