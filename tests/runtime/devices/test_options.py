"""What a person may say about a real device."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.configuration import Sources, read_configuration
from joulecut_core.errors import ConfigError
from joulecut_edge.config import EdgeConfig
from joulecut_runtime.devices.options import DeviceOptions
from tests.loaded_config import load_config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"busy_w": 9.0}, "expected both"),
        ({"wait_w": 9.0}, "expected both"),
        ({"busy_w": 3.0, "wait_w": 9.0}, "busy_w: 3 is below wait_w: 9"),
        ({"busy_w": 3.0, "wait_w": 0.0}, r"wait_w: 0\.0; expected more than 0 watts"),
        ({"host_w": float("inf")}, "host_w: inf"),
        ({"host_w": 80.0, "host_meter": True}, "the host's draw counts once"),
        ({"engine": "egaer"}, "engine: 'egaer'; expected one of eager, compile, cuda-graph"),
        ({"precision": "int4"}, "precision: 'int4'; expected one of fp32, fp16, bf16"),
        ({"settle_s": 0.0015}, r"settle_s: 0\.0015; expected 0\.002 to 60 seconds"),
    ],
)
def test_nonsense_is_refused(options: dict[str, float | str], message: str) -> None:
    """Where it is said, with the value, before any device is touched."""
    with pytest.raises(ConfigError, match=message):
        DeviceOptions(**options)  # type: ignore[arg-type]


def test_an_agents_file_has_a_table_for_them(tmp_path: Path) -> None:
    """`[hardware]` of the configuration file, or a variable, which is named where its value is wrong."""
    path = tmp_path / "edge.toml"
    path.write_text('device = "jetson"\nbundle = "b"\n[hardware]\nhold_clocks = false\nhost_w = 60\n')
    config = load_config(EdgeConfig, path, {})
    assert config.hardware == DeviceOptions(hold_clocks=False, host_w=60.0)
    environment = {"E_HARDWARE__SETTLE_S": "0"}
    with pytest.raises(ConfigError, match=r"^E_HARDWARE__SETTLE_S: settle_s: 0\.0; expected"):
        read_configuration(EdgeConfig, Sources(file=path, prefix="E", environment=environment))
    path.write_text('device = "jetson"\nbundle = "b"\n[hardware]\nhold_clock = false\n')
    with pytest.raises(ConfigError, match=r"hardware\.hold_clock: .*hold_clocks"):
        load_config(EdgeConfig, path, {})
