"""Reports on the disk: the page, and its pictures as files."""

from __future__ import annotations

import os
from pathlib import Path

from joulecut.reports.document import Report, page
from joulecut.reports.stills import Still, still
from joulecut_core.documents import cannot_write, write_bytes
from joulecut_core.errors import ConfigError


def check_places(html: Path | None, export: Path | None) -> None:
    """Raise ConfigError where the files could not be written: better before the minutes of a run than after them."""
    if html is not None:
        _check_file("--html", html)
    if export is not None and _form_of(export) is not None:
        _check_file("--export", export)
    elif export is not None and export.exists() and not (export.is_dir() and os.access(export, os.W_OK)):
        raise ConfigError(f"--export {export}: cannot be written; expected a folder, or a file name in .png or .svg")


def write_report(report: Report, *, html: Path | None = None, export: Path | None = None) -> tuple[Path, ...]:
    """Write the page and every picture, whichever is asked for, and return the files.

    `export`: a folder, which gets a PNG and an SVG of each picture, or a name in .png or .svg. Such a name is
    the file where there is one picture; of several each adds its own name to it. Raises ConfigError where a file
    cannot be written, or a library of the `report` extra is missing.
    """
    files: dict[Path, bytes] = {}
    if html is not None:
        files[html] = page(report).encode()
    if export is not None:
        files |= _pictures(report, export)
    for path, content in files.items():
        try:
            write_bytes(path, content)
        except OSError as cause:
            raise cannot_write(f"{path}: cannot be written: {cause}", cause, ConfigError) from cause
    return tuple(files)


def _pictures(report: Report, place: Path) -> dict[Path, bytes]:
    charts, form = report.charts, _form_of(place)
    if form is None:
        return {place / f"{chart.name}.{each.value}": still(chart, each) for chart in charts for each in Still}
    if len(charts) == 1:
        return {place: still(charts[0], form)}
    return {place.with_name(f"{place.stem}-{chart.name}{place.suffix}"): still(chart, form) for chart in charts}


def _form_of(place: Path) -> Still | None:
    suffix = place.suffix.lower().removeprefix(".")
    return next((form for form in Still if form.value == suffix), None)


def _check_file(option: str, path: Path) -> None:
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ConfigError(f"{option} {path}: cannot be written; expected a file in a folder that exists")
