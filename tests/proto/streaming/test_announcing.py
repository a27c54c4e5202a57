"""An edge says whose stream it opens."""

from __future__ import annotations

import pytest

from joulecut_core.errors import ContractError
from joulecut_proto.streaming.announcing import SESSION_KEY, announced_session, announcement


def test_what_is_announced_is_read() -> None:
    """Among other metadata; nothing is announced by older edges."""
    assert announced_session((("user-agent", "x"), *announcement("cam-1f.2:b_c"))) == "cam-1f.2:b_c"
    assert announced_session(announcement(None)) is None


@pytest.mark.parametrize(
    "values", [("a b",), ("",), ("x" * 129,), ("a", "a"), (b"a",), ("a\n",)], ids=lambda values: repr(values)[:20]
)
def test_anything_else_is_refused(values: tuple[str | bytes, ...]) -> None:
    """It stands in logs, and decides whose session ends."""
    with pytest.raises(ContractError, match=r"joulecut-session: .*expected one of 1 to 128 letters"):
        announced_session([(SESSION_KEY, value) for value in values])
