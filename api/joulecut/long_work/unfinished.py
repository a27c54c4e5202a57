"""Finished parts of long work, kept in a file until all of it is done, so that an interrupted command can go on.

    <file>    first line: whose parts these are; then a part per line, appended

Parts count for the same head only. A last line that was cut short is made again.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from joulecut.long_work.keeping import keeping
from joulecut_core.decoding import decode, encode, show
from joulecut_core.documents import parse_json, read_text, write_bytes
from joulecut_core.errors import ConfigError

T = TypeVar("T")

_SCHEMA = "joulecut.unfinished/1"
ONCE_NOBODY = "once nobody works on it any more, go on with --resume, or delete the file"
"""What to do about a journal: it may be that of a command that still runs."""


class Unfinished:
    """Parts of one piece of work. `path`: None keeps nothing. `resumed`: how many parts an earlier run had left."""

    def __init__(self, path: Path | None, head: Mapping[str, str], *, resume: bool) -> None:
        """Raises ConfigError where a file is there and `resume` is not asked for, or it is of other work.

        So too where there is no room for it.
        """
        self.path = path
        self._head = {"schema": _SCHEMA, "joulecut": importlib.metadata.version("joulecut"), **head}
        self._parts: dict[str, Any] = {}
        self.resumed = 0
        if path is None:
            return
        if path.exists():
            if not resume:
                raise ConfigError(f"{path} holds unfinished work; {ONCE_NOBODY}")
            self._parts = self._read(path)
            self.resumed = len(self._parts)
        self._write(path)

    @property
    def kept(self) -> str:
        """What an interrupt leaves, in a few words."""
        if self.path is None:
            return "nothing is kept without --out"
        return f"{len(self._parts)} finished parts are kept in {self.path}"

    def part(self, name: str, kind: type[T], make: Callable[[], Sequence[T]]) -> tuple[T, ...]:
        """The items of a part, all of the dataclass `kind`: as they were kept, or made now and kept.

        Raises ConfigError where the file has no room for them.
        """
        if name in self._parts:
            return tuple(self._decoded(kind, name, item) for item in self._parts[name])
        made = tuple(make())
        self._parts[name] = [encode(item) for item in made]
        if self.path is not None:
            self._append(self.path, name)
        return made

    def remove(self) -> None:
        """All of it is done: forget the parts."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _append(self, path: Path, name: str) -> None:
        if not path.exists():
            # The same command, begun twice, has ended elsewhere: without a head nobody could go on from the rest.
            self._write(path)
            return
        with keeping(path), path.open("a", encoding="utf-8") as stream:
            stream.write(_line({"part": name, "items": self._parts[name]}))

    def _write(self, path: Path) -> None:
        lines = [self._head, *({"part": name, "items": items} for name, items in self._parts.items())]
        with keeping(path):
            write_bytes(path, "".join(map(_line, lines)).encode())

    def _decoded(self, kind: type[T], name: str, item: object) -> T:
        try:
            return decode(kind, item, error=ConfigError, path=name)
        except ConfigError as error:
            raise ConfigError(f"{self.path}: {error}; delete the file to start from nothing") from error

    def _read(self, path: Path) -> dict[str, Any]:
        text = read_text(path, ConfigError)
        first, *rest = text[: text.rfind("\n") + 1].splitlines() or ["{}"]
        try:
            head = parse_json(first, ConfigError, "line 1")
            parts = [_part(line, f"line {number}") for number, line in enumerate(rest, start=2)]
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}; delete the file to start from nothing") from error
        if head != self._head:
            raise ConfigError(f"{path} is of other work; give the options of that work, or delete the file")
        return dict(parts)


def _part(line: str, where: str) -> tuple[str, list[Any]]:
    part = parse_json(line, ConfigError, where)
    if not isinstance(part, dict) or not isinstance(part.get("part"), str) or not isinstance(part.get("items"), list):
        raise ConfigError(f"{where}: {show(part)}; expected a part and its items")
    return part["part"], part["items"]


def _line(record: Mapping[str, object]) -> str:
    return json.dumps(record, allow_nan=False) + "\n"
