"""What an agent may be called."""

from __future__ import annotations

import pytest

from joulecut_core.agent_names import check_agent_name
from joulecut_core.errors import ConfigError


@pytest.mark.parametrize("name", ["edge", "camera-9", "gpu_0.lab", "7", "a" * 40])
def test_names(name: str) -> None:
    """Host names, pod names and numbers are names."""
    check_agent_name(name)


@pytest.mark.parametrize("name", ["", "front left", "cam<script>", "-x", ".hidden", "a/b", "é", "a" * 41, "a\n"])
def test_no_names(name: str) -> None:
    """What could not be part of a file's name, of a session's id or of an announcement; told with the value."""
    with pytest.raises(ConfigError, match=r"^name: '.*'; expected 1 to 40 letters, digits") as caught:
        check_agent_name(name)
    assert "\n" not in str(caught.value)
