"""What an unfinished study has measured so far: one line per cell, appended, so that nothing is lost.

    <out>/study.journal    first line: whose measurements these are; then a cell per line

A cell counts only for the same device, driver, runtime, meter plan and seed. A last line that was cut short is
measured again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

from joulecut.long_work.keeping import keeping
from joulecut.long_work.unfinished import ONCE_NOBODY
from joulecut.study.cell_meter import MeterPlan
from joulecut.study.cells import CellKey, CellResult
from joulecut_core.decoding import decode, encode
from joulecut_core.documents import parse_json, read_text, write_bytes
from joulecut_core.errors import ConfigError

JOURNAL_FILE = "study.journal"
_SCHEMA = "joulecut.study-journal/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHead:
    """Whose cells a journal holds. `runtime`: what eager figures rest on; a resumed study never mixes two."""

    device: str
    driver: str
    power_scope: str
    runtime: str
    plan: MeterPlan
    seed: int
    schema: str = _SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    key: CellKey
    result: CellResult


class StudyJournal:
    """Cells of one study on disk. `resumed`: how many an earlier run had left."""

    def __init__(self, path: Path, head: JournalHead, *, resume: bool) -> None:
        """Raises ConfigError where a journal is there and `resume` is not asked for, or it is of another study.

        So too where there is no room for it.
        """
        self.path = path
        lines: tuple[_Line, ...] = ()
        if path.exists():
            if not resume:
                raise ConfigError(f"{path} holds an unfinished study; {ONCE_NOBODY}")
            lines = _kept_lines(path, head)
        self._head = head
        self._lines = {str(line.key): line for line in lines}
        self.resumed = len(lines)
        self._write()

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, key: CellKey) -> CellResult | None:
        """What was measured of a cell; None where it was not yet."""
        line = self._lines.get(str(key))
        return None if line is None else line.result

    def add(self, key: CellKey, result: CellResult) -> None:
        """Keep a cell; it has left this process when this returns. Raises ConfigError where there is no room for it."""
        line = _Line(key=key, result=result)
        self._lines[str(key)] = line
        if not self.path.exists():
            # The same study, begun twice, has ended elsewhere: without a head nobody could go on from the rest.
            self._write()
            return
        with keeping(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.write(_text(line))

    def remove(self) -> None:
        """The study is written: forget it."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        with keeping(self.path):
            write_bytes(self.path, (_text(self._head) + "".join(map(_text, self._lines.values()))).encode())


def _kept_lines(path: Path, head: JournalHead) -> tuple[_Line, ...]:
    text = read_text(path, ConfigError)
    first, *rest = text[: text.rfind("\n") + 1].splitlines() or [""]
    try:
        found = decode(JournalHead, parse_json(first, ConfigError, "line 1"), error=ConfigError)
        lines = tuple(
            decode(_Line, parse_json(line, ConfigError, f"line {number}"), error=ConfigError)
            for number, line in enumerate(rest, start=2)
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; delete the file to start from nothing") from error
    names = [field.name for field in fields(head) if getattr(found, field.name) != getattr(head, field.name)]
    if names:
        others = "; ".join(f"{name} {getattr(found, name)!r}, here {getattr(head, name)!r}" for name in names)
        raise ConfigError(f"{path} is of another study ({others}); give those of that study, or delete the file")
    return lines


def _text(record: JournalHead | _Line) -> str:
    return json.dumps(encode(record), allow_nan=False) + "\n"
