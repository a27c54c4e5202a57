"""Who may set which clocks: the rules of an INI file, since that can carry comments and any Python reads it."""

import configparser
import grp
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from joulecut_core.errors import ConfigError

RULES = Path("etc/joulecut/clockd.ini")
"""Where they are, below the root folder."""
_KEYS = ("users", "groups", "boards", "core_mhz", "memory_mhz", "longest_ttl_s")
_ANY, _NONE = (0.0, float("inf")), (1.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """These people may set these boards' clocks within these limits."""

    users: frozenset[int]
    groups: frozenset[int] = frozenset()
    boards: tuple[str, ...] = ("*",)
    core_mhz: tuple[float, float] = _ANY
    memory_mhz: tuple[float, float] = _ANY
    longest_ttl_s: float = 86400.0

    def allows(self, core_mhz: float, memory_mhz: float | None, ttl_s: float) -> bool:
        """Whether these clocks for so long are within the limits, which NaN never is."""
        memory = memory_mhz is None or self.memory_mhz[0] <= memory_mhz <= self.memory_mhz[1]
        return memory and self.core_mhz[0] <= core_mhz <= self.core_mhz[1] and 0.0 < ttl_s <= self.longest_ttl_s

    def __str__(self) -> str:
        core, memory = (f"{low:g}-{high:g} MHz" for low, high in (self.core_mhz, self.memory_mhz))
        return f"core {core}, memory {memory if self.sets_memory else 'none'}, for up to {self.longest_ttl_s:g} s"

    @property
    def sets_memory(self) -> bool:
        """Whether any memory clock at all is within the limits."""
        return self.memory_mhz[0] <= self.memory_mhz[1]


def concerning(rules: Iterable[Rule], uid: int, gids: Iterable[int], board: str) -> list[Rule]:
    """The rules that give somebody a board at all."""
    mine = [rule for rule in rules if uid in rule.users or not rule.groups.isdisjoint(gids)]
    return [rule for rule in mine if any(fnmatchcase(board, pattern) for pattern in rule.boards)]


def load_rules(path: Path, *, needed: bool) -> list[Rule]:
    """Root's own rule, and those of a file that root alone can change. Raises ConfigError with what is wrong."""
    rules, section = [Rule(users=frozenset({0, os.geteuid()}))], "file"
    if not needed and not path.exists():
        return rules
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, default_section="")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        if path.stat().st_mode & 0o022 or path.stat().st_uid not in (0, os.geteuid()):
            raise ValueError("others can change it; make it root's, mode 644")  # noqa: TRY301
        for section in parser.sections():
            rules.append(_rule(dict(parser[section])))
    except (OSError, configparser.Error, ValueError, LookupError) as error:
        raise ConfigError(f"{path}: {section}: {str(error)[:500]}") from error
    return rules


def _rule(keys: dict[str, str]) -> Rule:
    users, groups, boards = (keys.get(name, "").split() for name in ("users", "groups", "boards"))
    if not set(keys) <= set(_KEYS) or not (users + groups and boards and "core_mhz" in keys):
        raise ValueError(f"{', '.join(keys)}; expected users or groups, boards and core_mhz, all of {', '.join(_KEYS)}")
    if not 0.0 < (longest_ttl_s := float(keys.get("longest_ttl_s", "30"))) < float("inf"):
        raise ValueError(f"longest_ttl_s = {longest_ttl_s:g}; expected a positive, finite number of seconds")
    return Rule(
        users=frozenset(int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid for user in users),
        groups=frozenset(int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid for group in groups),
        boards=tuple(boards),
        core_mhz=_range(keys, "core_mhz"),
        memory_mhz=_range(keys, "memory_mhz") if "memory_mhz" in keys else _NONE,
        longest_ttl_s=longest_ttl_s,
    )


def _range(keys: dict[str, str], name: str) -> tuple[float, float]:
    low, _, high = keys[name].partition("-")
    if not 0.0 <= float(low or "nan") <= float(high or "nan"):
        raise ValueError(f"{name} = {keys[name]}; expected LOWEST-HIGHEST")
    return float(low), float(high)
