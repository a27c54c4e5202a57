"""A study as a document and as a folder of files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from joulecut.reports.document import still_page, stills
from joulecut.reproduction.sheets import csv_text, record
from joulecut.study.claims import CLAIMED_REVENUE, CLAIMED_RUNTIME, PAPER
from joulecut.study.page import study_report
from joulecut.study.rows import Study
from joulecut_core.decoding import check_schema, decode
from joulecut_core.documents import cannot_write, write_bytes
from joulecut_core.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA = "joulecut.study/1"

_BESIDE = ("schema", "paper")
"""What a document holds beside the study."""


def document(study: Study) -> Mapping[str, object]:
    """Every row and what it rests on, for JSON."""
    plain = {
        field.name: getattr(study, field.name)
        for field in dataclasses.fields(study)
        if field.name not in _sheets(study)
    }
    return {
        "schema": SCHEMA,
        "paper": {"title": PAPER, "claimed_revenue": CLAIMED_REVENUE, "claimed_runtime": CLAIMED_RUNTIME},
        **plain,
        **{name: [record(row) for row in rows] for name, rows in _sheets(study).items()},
    }


def from_document(data: Mapping[str, object]) -> Study:
    """The study that `document` made `data` of. Raises ConfigError where it is something else."""
    check_schema(data, SCHEMA, ConfigError)
    return decode(Study, {key: value for key, value in data.items() if key not in _BESIDE}, error=ConfigError)


def write_folder(study: Study, folder: Path) -> tuple[Path, ...]:
    """The CSV files, the plots and `index.html`, each whole or not at all. Raises ConfigError where they cannot be."""
    report = study_report(study)
    files = {f"{name}.csv": csv_text(rows).encode() for name, rows in _sheets(study).items() if rows}
    drawn = stills(report)
    files |= {f"{name}.png": png for name, png in drawn.items()}
    files["index.html"] = still_page(report, drawn).encode()
    try:
        for name, content in files.items():
            write_bytes(folder / name, content)
    except OSError as cause:
        raise cannot_write(f"--out {folder}: cannot be written: {cause}", cause, ConfigError) from cause
    return tuple(folder / name for name in files)


def _sheets(study: Study) -> Mapping[str, Sequence[DataclassInstance]]:
    return {
        "models": study.models,
        "layers": study.layers,
        "parts": study.parts,
        "optima": study.optima,
        "engines": study.engines,
        "numbers": study.numbers,
        "findings": study.findings,
    }
