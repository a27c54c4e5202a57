"""The fenced blocks of the documents, and what the comment above each says about running it.

<!-- test -->             run as it stands, in the page's order, in the page's own folder
<!-- test thoroughly -->  the same, only where the tests are thorough: it takes tens of seconds
<!-- test beside -->      started, left running beside what follows, ended by Ctrl-C at the page's end
<!-- test file NAME -->   written to the file NAME for the blocks that follow
<!-- run by FILES -->    those tests, scripts or pages run it; a page that holds the same commands
<!-- not run: REASON -->  what a test host lacks; what can be checked without running it is checked
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.architecture.tree import documents, text

_BLOCK = re.compile(
    r"^(?: *<!-- (?P<mark>[^\n]*) -->\n)?"
    r"(?P<indent> *)(?P<fence>```+)(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)(?P=fence)$",
    flags=re.MULTILINE | re.DOTALL,
)


class Fate(enum.Enum):
    """What a block's mark says."""

    RUN = "test"
    THOROUGHLY = "test thoroughly"
    BESIDE = "test beside"
    FILE = "test file"
    ELSEWHERE = "run by"
    NOT_RUN = "not run:"
    UNMARKED = ""
    UNKNOWN = "a mark that is none of these"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block. `detail`: the file, test or reason that its mark names."""

    path: Path
    line: int
    language: str
    fate: Fate
    detail: str
    body: str
    follows: bool = False
    """Whether nothing stands between it and the block before it."""

    @property
    def place(self) -> str:
        """Where to look, for a failed test."""
        return f"{self.path.name}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether this folder's tests run it, be it only where they are thorough."""
        return self.fate in {Fate.RUN, Fate.THOROUGHLY, Fate.BESIDE}

    @property
    def shows_output(self) -> bool:
        """Whether it is what the block before it prints."""
        return self.language == "text" and self.follows and self.fate is Fate.UNMARKED


@cache
def blocks(path: Path) -> tuple[Block, ...]:
    """The blocks of a document, in order."""
    found: list[Block] = []
    end = -1
    for match in _BLOCK.finditer(text(path)):
        found.append(_block(path, match, follows=end >= 0 and not text(path)[end : match.start()].strip()))
        end = match.end()
    return tuple(found)


@cache
def all_blocks() -> tuple[Block, ...]:
    """Those of every document."""
    return tuple(block for path in documents() for block in blocks(path))


def _block(path: Path, match: re.Match[str], *, follows: bool) -> Block:
    fate, detail = _fate(match["mark"] or "")
    indent = match["indent"]
    lines = (line.removeprefix(indent) for line in match["body"].splitlines(keepends=True))
    return Block(
        path=path,
        line=text(path).count("\n", 0, match.start("fence")) + 1,
        language=match["language"],
        fate=fate,
        detail=detail,
        body="".join(lines),
        follows=follows,
    )


def _fate(mark: str) -> tuple[Fate, str]:
    if not mark:
        return Fate.UNMARKED, ""
    for fate in (Fate.FILE, Fate.ELSEWHERE, Fate.NOT_RUN):
        if mark.startswith(f"{fate.value} "):
            return fate, mark.removeprefix(f"{fate.value} ")
    plain = {fate.value: fate for fate in (Fate.RUN, Fate.THOROUGHLY, Fate.BESIDE)}
    return plain.get(mark, Fate.UNKNOWN), ""
