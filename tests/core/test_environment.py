"""Configuration from environment variables: names, conversion, what is refused and what is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from enum import Enum

import pytest

from joulecut_core.configuration import Sources, read_configuration
from joulecut_core.errors import ConfigError

PREFIX = "JOULECUT_SERVER"


class Colour(str, Enum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    streams: int = 4
    stall_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    key: str
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    device: str = "cpu"
    bundles: tuple[str, ...] = ()
    advertise: bool = True
    reflection: bool | None = None
    colour: Colour = Colour.RED
    limits: Limits = field(default_factory=Limits)
    tls: Tls | None = None


def read(environment: Mapping[str, str]) -> ServerConfig:
    """The configuration that these variables alone make."""
    return read_configuration(ServerConfig, Sources(prefix=PREFIX, environment=environment)).values


def test_each_type_is_read_as_toml_has_it() -> None:
    """Strings stand without quotes, lists with commas or as in TOML, the rest as in a file; tables are gone into."""
    assert read(
        {
            "JOULECUT_SERVER_DEVICE": "true",
            "JOULECUT_SERVER_BUNDLES": "/a, /b",
            "JOULECUT_SERVER_ADVERTISE": "false",
            "JOULECUT_SERVER_REFLECTION": "true",
            "JOULECUT_SERVER_LIMITS__STREAMS": "1_000",
            "JOULECUT_SERVER_LIMITS__STALL_S": "3",
            "JOULECUT_SERVER_TLS__KEY": "/k",
            "JOULECUT_SERVER_TLS__PROXIES": '["x,y"]',
        }
    ) == ServerConfig(
        device="true",
        bundles=("/a", "/b"),
        advertise=False,
        reflection=True,
        limits=Limits(streams=1000, stall_s=3.0),
        tls=Tls(key="/k", proxies=("x,y",)),
    )


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("LIMITS__STREAMS", "many", "JOULECUT_SERVER_LIMITS__STREAMS: limits.streams: 'many'; expected a whole number"),
        ("LIMITS__STREAMS", "1\nstall_s = 2", "expected a whole number"),
        ("LIMITS__STALL_S", "inf", "JOULECUT_SERVER_LIMITS__STALL_S: limits.stall_s: inf; expected a finite number"),
        ("ADVERTISE", "1", "JOULECUT_SERVER_ADVERTISE: advertise: 1; expected true or false"),
        ("COLOUR", "blue", "JOULECUT_SERVER_COLOUR: colour: 'blue'; expected one of 'red'"),
        ("LIMITS__STREAMS", "9" * 5000, "999...; expected a whole number"),
        ("LIMITS__STREAMS", f"0x{'f' * 5000}", "fff...; expected a whole number"),
        ("LIMITS__STREAMS", str(1 << 64), "'18446744073709551616'; expected a whole number of at most 64 bits"),
        ("LIMITS__STALL_S", "[" * 5000, "[[[...; expected a finite number"),
        ("BUNDLES", r'["/a\u0000b"]', "expected a list"),
    ],
    ids=lambda text: text[:20],
)
def test_a_wrong_value_names_the_variable(name: str, value: str, complaint: str) -> None:
    """Variable, key, value and what was expected; a value cannot smuggle in another key."""
    with pytest.raises(ConfigError) as refused:
        read({f"{PREFIX}_{name}": value})
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LIMITS_STREAMS", "did you mean JOULECUT_SERVER_LIMITS__STREAMS?"),
        ("DEVISE", "did you mean JOULECUT_SERVER_DEVICE?"),
        ("CONFG", "did you mean JOULECUT_SERVER_CONFIG?"),
        ("XYZZY", "--print-config lists the keys"),
    ],
)
def test_an_unknown_variable_is_refused(name: str, meant: str) -> None:
    """A typo in a unit's environment is no silent default."""
    with pytest.raises(ConfigError, match=f"^{PREFIX}_{name}: unknown variable; ") as refused:
        read({f"{PREFIX}_{name}": "x"})
    assert meant in str(refused.value)


def test_a_table_that_is_wrong_as_a_whole_names_its_variables() -> None:
    """Where no single key of a table is wrong, all who gave some of it are named."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Signers:
        authority: str = ""
        public_key: str = ""

        def __post_init__(self) -> None:
            if self.authority and self.public_key:
                raise ConfigError("signed_by: expected either")

    with pytest.raises(ConfigError, match=f"^{PREFIX}_SIGNED_BY__AUTHORITY and {PREFIX}_SIGNED_BY__PUBLIC_KEY: signed"):
        read_configuration(
            make_dataclass("Signed", [("signed_by", Signers)], frozen=True),
            Sources(
                prefix=PREFIX,
                environment={f"{PREFIX}_SIGNED_BY__AUTHORITY": "a", f"{PREFIX}_SIGNED_BY__PUBLIC_KEY": "b"},
            ),
        )


def test_what_others_put_there_is_left_alone() -> None:
    """Other programs' variables, and those that Kubernetes makes for a service called joulecut-server."""
    assert (
        read(
            {
                "JOULECUT_EDGE_DEVISE": "x",
                "JOULECUT_SERVERS": "x",
                "JOULECUT_SERVER_SERVICE_HOST": "10.0.0.1",
                "JOULECUT_SERVER_SERVICE_PORT_GRPC": "50551",
                "JOULECUT_SERVER_PORT": "tcp://10.0.0.1:50551",
                "JOULECUT_SERVER_PORT_50551_TCP_ADDR": "10.0.0.1",
                "JOULECUT_SERVER_METRICS_SERVICE_HOST": "10.0.0.2",
            }
        )
        == ServerConfig()
    )
