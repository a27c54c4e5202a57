"""The daemon's settings: flags count more than the environment, that more than the defaults."""

import json
from collections.abc import Mapping

from joulecut_core.errors import ConfigError

VARIABLES = "JOULECUT_CLOCKD_"
"""What the daemon's environment variables begin with."""


def choose_settings(
    flags: Mapping[str, str | None], defaults: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[Mapping[str, str], str]:
    """Each setting, and all of them as TOML with their origins. Raises ConfigError for a variable that is nobody's."""
    variables = {f"{VARIABLES}{name.upper()}": name for name in defaults}
    for name in environment:
        if name.startswith(VARIABLES) and name not in variables:
            raise ConfigError(f"{name}: unknown variable; expected one of {', '.join(variables)}")
    chosen = {name: (value, "default") for name, value in defaults.items()}
    chosen |= {
        name: (environment[variable], variable) for variable, name in variables.items() if variable in environment
    }
    chosen |= {name: (value, "flag") for name, value in flags.items() if value is not None}
    lines = (
        f"{name} = {json.dumps(value, ensure_ascii=False)}  # {origin}" for name, (value, origin) in chosen.items()
    )
    return {name: value for name, (value, _) in chosen.items()}, "\n".join(lines)
