"""Service tables as JSON (contract `joulecut.service/1`): what `joulecut simulate --tables` reads."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from joulecut_core.decoding import check_schema, decode, encode, show
from joulecut_core.documents import read_text, write_bytes
from joulecut_core.errors import ProfileError
from joulecut_core.service_tables import ServiceTable
from joulecut_core.strict_json import parse_strictly

SERVICE_SCHEMA = "joulecut.service/1"
_TABLES = ("time_s", "busy_w")
_SPREAD_LIST = re.compile(r"\[\n[^\[\]{}\"]*\]")
"""A list of plain numbers, each on a line of its own; texts hold no line breaks in JSON."""


def load_service_table(path: str | os.PathLike[str]) -> ServiceTable:
    """The table in a file. Raises ProfileError naming the file and the JSON path of the field that is wrong."""
    file = Path(path)
    try:
        return parse_service_table(read_text(file, ProfileError))
    except ProfileError as error:
        message = str(error)
        raise ProfileError(message if message.startswith(str(file)) else f"{file}: {message}") from error


def parse_service_table(source: str | Mapping[str, object]) -> ServiceTable:
    """The table in JSON text or in an already parsed object. Raises ProfileError with the JSON path."""
    document = parse_strictly(source, ProfileError, "service table") if isinstance(source, str) else source
    check_schema(document, SERVICE_SCHEMA, ProfileError)
    if not isinstance(document, Mapping):
        raise ProfileError(f"top level: {show(document)} is not an object; expected a service table")
    body = {key: value for key, value in document.items() if key != "schema"}
    try:
        return decode(ServiceTable, body, error=ProfileError)
    except ValueError as cause:
        # Types and keys are right by now, so the document can be walked without further ado.
        raise ProfileError(next(_complaints(body), str(cause))) from cause


def service_document(table: ServiceTable) -> dict[str, object]:
    """The table as the contract's JSON object; `parse_service_table` gives it back."""
    fields: dict[str, object] = encode(table)
    return {"schema": SERVICE_SCHEMA, **fields}


def save_service_table(table: ServiceTable, path: str | os.PathLike[str]) -> None:
    """Write a table, one line for all operating points; a reader never sees half of it."""
    text = json.dumps(service_document(table), indent=1, allow_nan=False)
    write_bytes(Path(path), (_SPREAD_LIST.sub(lambda found: " ".join(found[0].split()), text) + "\n").encode())


def _complaints(body: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a document whose types are right, each with its path; the first is told."""
    points, units, batches = len(body["points"]), len(body["units"]), len(body["batches"])
    for name in ("units", "points", "variants"):
        if not body[name]:
            yield f"{name}: empty; expected at least one"
    for index, watts in enumerate(body["idle_w"]):
        if watts < 0.0:
            yield f"idle_w[{index}]: {show(watts)}; expected watts of at least 0"
    for index, variant in enumerate(body["variants"]):
        for name in _TABLES:
            yield from _table_complaints(variant[name], (batches, units, points), f"variants[{index}].{name}")


def _table_complaints(table: Sequence[Any], sizes: tuple[int, ...], path: str) -> Iterator[str]:
    words = ("batch sizes", "units", "operating points")[-len(sizes) :]
    if len(table) != sizes[0]:
        yield f"{path}: {len(table)} values; expected one for each of {sizes[0]} {words[0]}"
    for index, inner in enumerate(table):
        if len(sizes) > 1:
            yield from _table_complaints(inner, sizes[1:], f"{path}[{index}]")
        elif inner <= 0.0:
            yield f"{path}[{index}]: {show(inner)}; expected more than 0"
