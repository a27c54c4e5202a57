"""What sessions and requests may be called on the wire: they are remembered, so nobody may send a megabyte of name."""

from __future__ import annotations

import re
from urllib.parse import quote

from joulecut_core.errors import ContractError

MOST_CHARACTERS = 128
MOST_LOCAL_CHARACTERS = 100
"""Of an id that an application gives its request: the edge agent adds a number."""

_ID = re.compile(r"[\x21-\x7e]{1,%d}" % MOST_CHARACTERS)  # noqa: UP031 - braces
_AS_THEY_ARE = "!#$&'()*+,/:;=?@[]"


def check_id(name: str, value: str) -> None:
    """Raise ContractError where `value`, of the field `name`, is no id: 1 to 128 printable ASCII, no spaces."""
    if not _ID.fullmatch(value):
        raise ContractError(
            f"{name}: {value[:40]!r} of {len(value)} characters; expected 1 to {MOST_CHARACTERS} printable ASCII "
            "characters without spaces"
        )


def check_local_id(value: str, *, field: str = "request_id") -> None:
    """Raise ContractError where an application's name or its id of a request is too long; any characters will do."""
    if len(value) > MOST_LOCAL_CHARACTERS:
        raise ContractError(
            f"{field}: {value[:40]!r}... of {len(value)} characters; expected at most {MOST_LOCAL_CHARACTERS}"
        )


def sent_id(local_id: str, number: int) -> str:
    """The id under which an edge sends a request: an application's, escaped and shortened, made unique by `number`."""
    return f"{quote(local_id, safe=_AS_THEY_ARE)[:MOST_LOCAL_CHARACTERS]}/{number}"
