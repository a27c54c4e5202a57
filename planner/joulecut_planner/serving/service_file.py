"""Service tables as JSON (contract `joulecut.service/1`): what `joulecut simulate --tables` reads."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import check_schema, decode, encode, show
from joulecut_core.documents import read_text, write_bytes
from joulecut_core.errors import ProfileError
from joulecut_core.service_tables import LARGEST_BATCH, ServiceTable, rank
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
    document = (
        parse_strictly(source, ProfileError, "service table", path_first=True) if isinstance(source, str) else source
    )
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
    yield from _order_complaints(body["batches"], body["points"])
    if len(body["idle_w"]) != points:
        yield f"idle_w: {len(body['idle_w'])} values; expected watts for each of {points} operating points"
    for index, watts in enumerate(body["idle_w"]):
        if watts < 0.0:
            yield f"idle_w[{index}]: {show(watts)}; expected watts of at least 0"
    for name in ("switch_s", "switch_j"):
        if body.get(name, 0.0) < 0.0:
            yield f"{name}: {show(body[name])}; expected at least 0"
    yield from _variant_complaints(body["variants"], (batches, units, points))


def _order_complaints(batches: Sequence[int], points: Sequence[Any]) -> Iterator[str]:
    """Of batch sizes and operating points that do not ascend."""
    if list(batches[:1]) != [1]:
        yield f"batches: {show(batches)}; expected batch sizes ascending from 1"
    for index, (before, batch) in enumerate(pairwise(batches), start=1):
        if batch <= before:
            yield f"batches[{index}]: {batch} behind {before}; expected batch sizes ascending from 1"
        if batch > LARGEST_BATCH:
            yield f"batches[{index}]: {batch}; expected batch sizes of at most {LARGEST_BATCH}"
    held = [decode(OperatingPoint, point, error=ProfileError) for point in points]
    for index, (lower, upper) in enumerate(pairwise(held), start=1):
        if rank(upper) <= rank(lower):
            yield f"points[{index}]: {upper} behind {lower}; expected operating points ascending, each once"


def _variant_complaints(variants: Sequence[Any], sizes: tuple[int, ...]) -> Iterator[str]:
    """Of names, accuracies and tables."""
    named: dict[str, int] = {}
    for index, variant in enumerate(variants):
        first = named.setdefault(variant["name"], index)
        if first != index:
            yield f"variants[{index}].name: {show(variant['name'])} is variants[{first}]'s too; expected one of its own"
        if not 0.0 <= variant["accuracy"] <= 1.0:
            yield f"variants[{index}].accuracy: {show(variant['accuracy'])}; expected 0 to 1"
        for name in _TABLES:
            yield from _table_complaints(variant[name], sizes, f"variants[{index}].{name}")


def _table_complaints(table: Sequence[Any], sizes: tuple[int, ...], path: str) -> Iterator[str]:
    words = ("batch sizes", "units", "operating points")[-len(sizes) :]
    if len(table) != sizes[0]:
        yield f"{path}: {len(table)} values; expected one for each of {sizes[0]} {words[0]}"
    for index, inner in enumerate(table):
        if len(sizes) > 1:
            yield from _table_complaints(inner, sizes[1:], f"{path}[{index}]")
        elif inner <= 0.0:
            yield f"{path}[{index}]: {show(inner)}; expected more than 0"
