"""JSON where a key given twice is refused with its whole path; NaN survives, for whoever knows its field to refuse."""

from __future__ import annotations

import json

from joulecut_core.decoding import join
from joulecut_core.errors import JoulecutError


class _Repeating(dict[str, object]):
    """An object in which a key stood twice."""

    repeated: str = ""


def parse_strictly(
    text: str, error: type[JoulecutError], source: str, *, constants: bool = True, path_first: bool = False
) -> object:
    """Parsed JSON. Raises `error`, naming `source` and then the path, for a key that an object has twice.

    NaN and infinities come back as such floats, for strict decoding to refuse with their path, or are
    refused by name where `constants` is false. `path_first`: leave out `source` before a path, for readers whose
    complaints begin with paths; it then names only text that is not JSON at all.
    """
    repeating: list[_Repeating] = []

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        marked = _Repeating(result)
        keys = [key for key, _ in pairs]
        marked.repeated = next(key for index, key in enumerate(keys) if key in keys[:index])
        repeating.append(marked)
        return marked

    def constant(name: str) -> float:
        if constants:
            return float(name)
        raise error(f"{source}: {name} is not a number; expected finite numbers only")

    try:
        document: object = json.loads(text, object_pairs_hook=collect, parse_constant=constant)
        path = _repeated_path(document, "") if repeating else None
    except (ValueError, RecursionError) as cause:
        raise error(f"{source}: not JSON: {cause}") from cause
    if repeating:
        where = path or repeating[0].repeated
        raise error(f"{'' if path_first else f'{source}: '}{where}: duplicate key; expected each key once")
    return document


def _repeated_path(value: object, path: str) -> str | None:
    if isinstance(value, _Repeating):
        return join(path, value.repeated)
    if isinstance(value, dict):
        inner = ((item, join(path, key)) for key, item in value.items())
    elif isinstance(value, list):
        inner = ((item, f"{path}[{index}]") for index, item in enumerate(value))
    else:
        return None
    return next((found for item, where in inner if (found := _repeated_path(item, where)) is not None), None)
