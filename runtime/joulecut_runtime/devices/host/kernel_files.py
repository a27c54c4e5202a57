"""The kernel's small text files below a root, each of which may be missing, forbidden or gone the next moment."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

ReadText = Callable[[Path], str]
"""Reads one file; raises OSError as the kernel does."""


def read_text(path: Path) -> str:
    """The text of a file of the kernel."""
    return path.read_text(encoding="utf-8", errors="replace")


class KernelFiles:
    """Reads below `root`. Paths are relative to it; `read` is how, so that a fake kernel can refuse."""

    def __init__(self, root: Path, read: ReadText = read_text) -> None:
        self.root = root
        self._read = read

    def text(self, path: Path | str) -> str | None:
        """A file's text without the blanks around it; None where it cannot be read or is empty."""
        try:
            return self.must_read(path) or None
        except OSError:
            return None

    def number(self, path: Path | str) -> int | None:
        """A file's whole number; None where it cannot be read or holds something else."""
        text = self.text(path)
        return int(text) if text is not None and re.fullmatch(r"-?\d+", text) else None

    def must_read(self, path: Path | str) -> str:
        """A file's text without the blanks around it; raises OSError where it cannot be read."""
        return self._read(self.root / path).strip()

    def folders(self, parent: str, name: str) -> tuple[Path, ...]:
        """The entries of `parent` whose names match the pattern `name` altogether, by the numbers in their names."""
        try:
            found = [entry.name for entry in (self.root / parent).iterdir() if re.fullmatch(name, entry.name)]
        except OSError:
            return ()
        return tuple(Path(parent) / entry for entry in sorted(found, key=_by_numbers))


def _by_numbers(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", name)]
