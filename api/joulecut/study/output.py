"""A study as a document and as a folder of files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from joulecut.reproduction.sheets import csv_text, record
from joulecut.study.claims import CLAIMED_REVENUE, CLAIMED_RUNTIME, PAPER
from joulecut.study.page import render_page
from joulecut.study.plots import plots
from joulecut.study.rows import Study
from joulecut_core.documents import write_bytes
from joulecut_core.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA = "joulecut.study/1"


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


def write_folder(study: Study, folder: Path) -> tuple[Path, ...]:
    """The CSV files, the plots and `index.html`, each whole or not at all. Raises ConfigError where they cannot be."""
    images = plots(study)
    files = {f"{name}.csv": csv_text(rows).encode() for name, rows in _sheets(study).items() if rows}
    files |= {f"{name}.png": image for name, image in images.items()}
    files["index.html"] = render_page(study, images).encode()
    try:
        for name, content in files.items():
            write_bytes(folder / name, content)
    except OSError as cause:
        raise ConfigError(f"--out {folder}: cannot be written: {cause}") from cause
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
