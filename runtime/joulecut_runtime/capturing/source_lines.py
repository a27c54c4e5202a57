"""Lines of the user's own code in what torch says of a module."""

from __future__ import annotations

import linecache
import re
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from traceback import extract_tb

import torch

_NOT_THE_USERS = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<")
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_INSTALLED = "site-packages"
_FRAME = re.compile(r'File "([^"]+)", line ([0-9]+)')
_LONGEST_CODE = 60


def raised_at(error: BaseException) -> str:
    """The innermost line outside torch and Python that an error passed, " at file:line (`code`)"; "" without one."""
    return _innermost((frame.filename, frame.lineno or 0) for frame in extract_tb(error.__traceback__))


def traced_at(stack: str | None) -> str:
    """The same of a node's stack as torch.export keeps it."""
    return _innermost((file, int(line)) for file, line in _FRAME.findall(stack or ""))


def _innermost(frames: Iterable[tuple[str, int]]) -> str:
    found = [frame for frame in frames if _is_the_users(frame[0])]
    if not found:
        return ""
    file, line = found[-1]
    code = linecache.getline(file, line).strip()
    code = code if len(code) <= _LONGEST_CODE else f"{code[: _LONGEST_CODE - 3]}..."
    return f" at {_short(file)}:{line}" + (f" (`{code}`)" if code else "")


def _is_the_users(file: str) -> bool:
    # Installed packages lie in a folder of the standard library's.
    is_standard = file.startswith(_STANDARD_LIBRARY) and _INSTALLED not in file
    return not is_standard and not file.startswith(_NOT_THE_USERS)


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
