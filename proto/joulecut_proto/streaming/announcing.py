"""The session that an edge announces as it opens its stream: metadata, beside the requests."""

from __future__ import annotations

import re
from collections.abc import Iterable

from joulecut_core.errors import ContractError

SESSION_KEY = "joulecut-session"

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def announcement(session_id: str | None) -> tuple[tuple[str, str], ...]:
    """The metadata that announces a session; none for None."""
    return () if session_id is None else ((SESSION_KEY, session_id),)


def announced_session(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """The session that a stream's metadata announces; raises ContractError where there are several, or it is no id."""
    found = [value for key, value in metadata if key == SESSION_KEY]
    if not found:
        return None
    if len(found) > 1 or not isinstance(found[0], str) or not _ID.fullmatch(found[0]):
        raise ContractError(
            f"{SESSION_KEY}: {found[0][:80]!r}, {len(found)} in all; "
            "expected one of 1 to 128 letters, digits, dots, colons, dashes, underscores"
        )
    return found[0]
