"""Options of the server-agent: what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.config import ServerConfig
from tests.loaded_config import load_config


def test_flags_override_the_file(tmp_path: Path) -> None:
    """The file sets, the flags override, the rest has defaults."""
    path = tmp_path / "server.toml"
    path.write_text('device = "emulated:t4"\nbundles = ["a", "b"]\nslowdown = 8\n')
    config = load_config(ServerConfig, path, {"device": "emulated:l4", "listen": None})
    assert (config.device, config.bundles, config.slowdown) == ("emulated:l4", ("a", "b"), 8.0)
    assert config.listen == "127.0.0.1:0"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('bundle = "a"', "server.toml: bundle: unknown key; did you mean 'bundles'"),
        ('bundles = "a"', "bundles: 'a'; expected a list of a string"),
        ("bundles = []", "bundles: empty; expected at least one folder made by `joulecut pack`"),
        ('bundles = ["a"]\nslowdown = inf', "slowdown: inf; expected a finite number"),
        ('bundles = ["a"]\nslowdown = 20000', r"slowdown: 20000\.0; expected a factor between 1 and 10000"),
        ('bundles = ["a"]\nseed = -1', "seed: -1; expected a whole number of at least 0"),
        (
            'bundles = ["a"]\nlisten = "127.0.0.1:99999"',
            "address '127.0.0.1:99999': port 99999; expected at most 65535",
        ),
        ('bundles = ["a"]\nhealth_listen = "50552"', "health_listen: address '50552': expected host:port"),
        ('bundles = ["a"]\n[serving]\npolicy = "best"\nslo_s = 1', "serving.policy: 'best'; expected one of fixed, "),
        ('bundles = ["a"]\nthreads = 0', "threads: 0; expected 1 to 1024"),
        ('bundles = ["a"]\nthreads = 100000', "threads: 100000; expected 1 to 1024"),
        ('bundles = ["a"]\ndrain_s = -1', "drain_s: -1.0; expected a finite number of seconds, 0 or more"),
        ('bundles = ["a"]\nname = "../etc/passwd"', "name: '../etc/passwd'; expected 1 to 40 letters"),
        ('bundles = ["a"]\nname = ""', "name: ''; expected 1 to 40 letters"),
        ("", "bundles: empty; expected at least one folder made by `joulecut pack`, or planning_only = true"),
        ('bundles = ["a"]\nplanning_only = true', "planning_only: true beside bundles or "),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """One line with file, key, value and what was expected."""
    path = tmp_path / "server.toml"
    path.write_text(f'device = "emulated:t4"\n{text}\n')
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_config(ServerConfig, path, {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "reflects"),
    [
        ({}, True),
        ({"insecure": True}, False),
        ({"insecure": True, "reflection": True}, True),
        ({"reflection": False}, False),
    ],
)
def test_services_are_listed_for_this_host_alone(options: dict[str, bool], reflects: bool) -> None:
    """Unless somebody says otherwise; the flags come as the command line gives them."""
    config = load_config(ServerConfig, None, {"device": "emulated:t4", "bundles": ["a"], **options})
    assert config.reflects is reflects


def test_real_devices_cannot_be_slowed_down() -> None:
    """A slow-down factor with real hardware would make every figure wrong."""
    with pytest.raises(ConfigError, match=r"slowdown: 2.0 with nvml:0; only emulated devices can be slowed down"):
        ServerConfig(device="nvml:0", bundles=("a",), slowdown=2.0)


@pytest.mark.parametrize("key", ["health_listen", "metrics.listen", "dashboard.listen"])
def test_a_server_is_not_in_its_own_way(tmp_path: Path, key: str) -> None:
    """The file is wrong; it would say that another program listens there, and be started again for ever."""
    text = f'device = "emulated:t4"\nbundles = ["b"]\nlisten = "127.0.0.1:50551"\n{key} = "127.0.0.1:50551"\n'
    (tmp_path / "server.toml").write_text(text)
    with pytest.raises(ConfigError, match=rf"server\.toml: {key}: 127\.0\.0\.1:50551, where listen: "):
        load_config(ServerConfig, tmp_path / "server.toml", {})
