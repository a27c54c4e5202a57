"""All converters of the contract, by the name they have in their modules."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from joulecut_proto import convert_agent, convert_inference, convert_planning, convert_profiles
from joulecut_proto.messages import Converter


def _of(module: ModuleType) -> dict[str, Converter[Any, Any]]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Converter)}


CONVERTERS = {
    name: converter
    for module in (convert_agent, convert_inference, convert_planning, convert_profiles)
    for name, converter in _of(module).items()
}
