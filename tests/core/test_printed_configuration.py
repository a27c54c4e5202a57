"""A printed configuration loads to the same configuration, and says where each value comes from."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from joulecut_core.configuration import Configuration, Sources, read_configuration
from joulecut_core.decoding import decode
from joulecut_core.errors import ConfigError
from joulecut_core.printed_configuration import printed_configuration

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    name: str = "*"
    rate_hz: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    rules: tuple[Rule, ...] = ()
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    device: str
    access: Access = field(default_factory=Access)
    seed: int = 0
    slowdown: float = 1.0
    discover: bool = True
    reflection: bool | None = None
    tls: Rule | None = None


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
# A file cannot hold half a surrogate pair.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
RULES = st.builds(Rule, name=TEXTS, rate_hz=st.none() | NUMBERS)


@given(
    st.builds(
        Everything,
        device=TEXTS,
        access=st.builds(
            Access, rules=st.lists(RULES, max_size=3).map(tuple), shares=st.lists(NUMBERS, max_size=3).map(tuple)
        ),
        seed=st.integers(-(2**63), 2**63 - 1),
        slowdown=NUMBERS,
        discover=st.booleans(),
        reflection=st.none() | st.booleans(),
        tls=st.none() | RULES,
    )
)
def test_what_is_printed_loads_to_the_same(values: Everything) -> None:
    """Whatever is in it: quotes, newlines, control characters, tables in lists, what is not set."""
    text = printed_configuration(Configuration(values, {}), "program")
    assert decode(Everything, tomllib.loads(text), error=ConfigError) == values


def test_every_line_has_its_origin(tmp_path: Path) -> None:
    """Flag, variable, line of the file, default; flags count most, the file least."""
    path = tmp_path / "agent.toml"
    path.write_text('device = "a"\nseed = 1\n\n[tls]\nname = "n"\n', encoding="utf-8")
    environment = {"JOULECUT_EDGE_SEED": "2", "JOULECUT_EDGE_SLOWDOWN": "3", "JOULECUT_EDGE_CONFIG": str(path)}
    sources = Sources(flags={"slowdown": 4.0, "device": None}, prefix="JOULECUT_EDGE", environment=environment)
    lines = printed_configuration(read_configuration(Everything, sources), "edge-agent").splitlines()
    assert f'device = "a"  # {path}:1' in lines
    assert "seed = 2  # JOULECUT_EDGE_SEED" in lines
    assert "slowdown = 4.0  # flag" in lines
    assert "discover = true  # default" in lines
    assert "# reflection is not set  # default" in lines
    assert f'name = "n"  # {path}:5' in lines
    assert lines.index("[tls]") > lines.index("discover = true  # default")
