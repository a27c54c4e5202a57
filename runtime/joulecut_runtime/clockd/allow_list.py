"""Who may set which clocks: the rules of an INI file, since that can carry comments and any Python reads it."""

import configparser
import os
import pwd
from fnmatch import fnmatchcase
from pathlib import Path

from joulecut_core.errors import ConfigError

RULES = Path("etc/joulecut/clockd.ini")
"""Where they are, below the root folder."""


class Rule:
    """One section: these users may set these boards' clocks within these limits. Not changed once it is made."""

    def __init__(self, users: str, boards: str, core_mhz: str, memory_mhz: str = "", longest_ttl_s: str = "30") -> None:
        """From the file's words. No `memory_mhz`: memory is not theirs to set. Raises ValueError, LookupError."""
        if not users or not boards or not 0.0 < float(longest_ttl_s) < float("inf"):
            raise ValueError(f"users = {users}, boards = {boards}, longest_ttl_s = {longest_ttl_s}: empty, or no time")
        self.limits = f"core_mhz = {core_mhz}, memory_mhz = {memory_mhz or None}, longest_ttl_s = {longest_ttl_s}"
        self.users = {int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid for user in users.split()}
        self.boards, self.longest_ttl_s = boards.split(), float(longest_ttl_s)
        self.core_mhz, self.memory_mhz = _range(core_mhz), _range(memory_mhz) if memory_mhz else None

    def concerns(self, uid: int, board: str) -> bool:
        """Whether it gives somebody a board at all."""
        return uid in self.users and any(fnmatchcase(board, pattern) for pattern in self.boards)

    def allows(self, core_mhz: float, memory_mhz: float | None, ttl_s: float) -> bool:
        """Whether these clocks for so long are within the limits, which NaN never is."""
        low, high = self.memory_mhz or (1.0, 0.0)
        memory = memory_mhz is None or low <= memory_mhz <= high
        return memory and self.core_mhz[0] <= core_mhz <= self.core_mhz[1] and 0.0 < ttl_s <= self.longest_ttl_s


def load_rules(path: Path, *, needed: bool) -> list[Rule]:
    """Root's own rule, and those of a file that root alone can change. Raises ConfigError with what is wrong."""
    rules, section = [Rule(f"0 {os.geteuid()}", "*", "0-inf", memory_mhz="0-inf", longest_ttl_s="86400")], "file"
    if not needed and not path.exists():
        return rules
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, default_section="")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        if path.stat().st_mode & 0o022 or path.stat().st_uid not in (0, os.geteuid()):
            raise ValueError("others can change it; make it root's, mode 644")  # noqa: TRY301
        for section in parser.sections():
            rules.append(Rule(**parser[section]))
    except (OSError, configparser.Error, ValueError, LookupError, TypeError) as error:
        expected = "users, boards and core_mhz, and perhaps memory_mhz and a positive, finite longest_ttl_s"
        raise ConfigError(f"{path}: {section[:80]}: {str(error)[:500]}; expected {expected}") from error
    return rules


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    if not 0.0 <= float(low or "nan") <= float(high or "nan"):
        raise ValueError(f"{text}; expected core_mhz and memory_mhz as LOWEST-HIGHEST")
    return float(low), float(high)
