"""Options of the edge-agent: what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_core.problems import Slo
from joulecut_edge.config import EdgeConfig, Radio
from tests.loaded_config import load_config


def test_a_file_with_tables(tmp_path: Path) -> None:
    """Tables of the file become their dataclasses; a flag overrides a key of the file."""
    path = tmp_path / "edge.toml"
    path.write_text(
        'device = "emulated:orin-nano-15w"\nbundle = "net"\nserver = "10.0.0.1:7000"\n'
        "[slo]\nlatency_s = 0.1\nquantile = 0.99\n[radio]\nuplink_w = 1.2\n"
    )
    config = load_config(EdgeConfig, path, {"server": "10.0.0.2:7000", "bundle": None})
    assert config.server == "10.0.0.2:7000"
    assert config.bundle == "net"
    assert config.slo == Slo(latency_s=0.1, quantile=0.99)
    assert config.radio == Radio(uplink_w=1.2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('sever = "x:1"', "edge.toml: sever: unknown key; did you mean 'server'"),
        ("[slo]\nlatency = 0.1", "slo.latency: unknown key; did you mean 'latency_s'"),
        ("slowdown = nan", "slowdown: nan; expected a finite number"),
        ("threads = 0", "threads: 0; expected 1 to 1024"),
        ("threads = 100000", "threads: 100000; expected 1 to 1024"),
        ("threads = true", "threads: True; expected a whole number"),
        ("renew_s = 0.5", "renew_s: 0.5; expected at least 1 second"),
        ("[slo]\nquantile = 1.0", "slo.quantile: 1.0; expected a number above 0.5 and below 1"),
        ("[slo]\nlatency_s = 0", "slo.latency_s: 0.0; expected a finite number above 0"),
        ('[slo]\nmargin = "chebyshev"', "slo.margin: 'chebyshev'; expected one of 'cantelli', 'gaussian'"),
        ("[objective]\nserver_weight = -1", "objective.server_weight: -1.0; expected a finite number of at least 0"),
        ("priority = -1", "priority: -1; expected 0 to 2147483647"),
        ("priority = 2147483648", "priority: 2147483648; expected 0 to 2147483647"),
        ('name = "front left"', "name: 'front left'; expected 1 to 40 letters, digits, dots, dashes, underscores"),
        ("slowdown = 0.5", r"slowdown: 0\.5; expected a factor between 1 and 10000"),
        ("seed = -1", "seed: -1; expected a whole number of at least 0"),
        ('listen = "camera"', "listen: address 'camera': expected host:port, .* or unix:/path"),
        ('server = "gpu"', "server: address 'gpu': expected host:port, .* or unix:/path"),
        ('policy = "jiont"', "policy: 'jiont'; expected one of all-edge, .*joint"),
        ('[planning]\ntail = "weibull"', "planning.tail: 'weibull'; expected one of gaussian, .*pareto, or none"),
        ('digest = "8bf7cedb"', "digest: '8bf7cedb'; expected sha256: and 64 hexadecimal digits"),
        ('[hardware]\nengine = "egaer"', "engine: 'egaer'; expected one of eager, compile, cuda-graph"),
        ("discover = false", "server: empty while discover is false; expected host:port"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """One line with file, key, value and what was expected."""
    path = tmp_path / "edge.toml"
    path.write_text(f'device = "emulated:orin-nano-15w"\nbundle = "net"\n{text}\n')
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_config(EdgeConfig, path, {})
    assert "\n" not in str(caught.value)


def test_real_devices_cannot_be_slowed_down() -> None:
    """A slow-down factor with real hardware would make every figure wrong."""
    with pytest.raises(ConfigError, match=r"slowdown: 4.0 with jetson; only emulated devices can be slowed down"):
        EdgeConfig(device="jetson", bundle="net", slowdown=4.0)


def test_an_edge_is_not_in_its_own_way() -> None:
    """Its page of metrics and its endpoint cannot be at one place."""
    options = {"device": "cpu", "bundle": "b", "listen": "127.0.0.1:9464", "metrics": {"listen": "0.0.0.0:9464"}}
    with pytest.raises(ConfigError, match=r"metrics\.listen: 0\.0\.0\.0:9464, where listen: 127\.0\.0\.1:9464 listens"):
        load_config(EdgeConfig, None, options)
