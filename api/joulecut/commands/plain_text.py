"""Names out of files, as a terminal may be given them."""

from __future__ import annotations

from rich.markup import escape


def plain(text: str) -> str:
    """`text` for a console: no markup in it, and control characters written out, so that no name moves a cursor."""
    return escape("".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text))
