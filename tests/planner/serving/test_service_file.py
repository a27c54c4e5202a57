"""Service tables as files: what is written is what is read, and what is wrong is named by its path."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ProfileError
from joulecut_planner.serving.service_file import (
    load_service_table,
    parse_service_table,
    save_service_table,
    service_document,
)
from tests.planner.serving.tables import drawn_table, gpu_like

Document = dict[str, Any]


def document() -> Document:
    """A drawn table's document, to be spoiled."""
    parsed: Document = json.loads(json.dumps(service_document(drawn_table(1))))
    return parsed


@pytest.mark.parametrize("seed", range(5))
def test_a_file_gives_the_table_back(tmp_path: Path, seed: int) -> None:
    """Not a digit of times, watts or labels is lost between who measures and who simulates."""
    table = replace(drawn_table(seed), notes=("a [note],\nwith 'quotes' and \"others\" [\n 1,\n 2\n]",))
    save_service_table(table, tmp_path / "table.json")
    assert load_service_table(tmp_path / "table.json") == table


def test_a_file_can_be_read_by_people(tmp_path: Path) -> None:
    """The values at all operating points stand on one line, so that a table of a thousand values stays legible."""
    save_service_table(gpu_like(units=4, points=8), tmp_path / "table.json")
    text = (tmp_path / "table.json").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.strip().startswith("[ ") and line.count(",") >= 7]
    assert len(rows) == 2 * 6 * 4


def test_defaults_may_be_left_out() -> None:
    """A hand-written table needs neither switching costs nor notes."""
    short = document()
    for key in ("switch_s", "switch_j", "notes"):
        del short[key]
    assert parse_service_table(short).switch_s == 0.0


def _set(*path: str | int, value: object) -> Callable[[Document], None]:
    def edit(target: Any) -> None:
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return edit


def _drop(*path: str | int) -> Callable[[Document], None]:
    def edit(target: Any) -> None:
        for step in path[:-1]:
            target = target[step]
        del target[path[-1]]

    return edit


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_set("schema", value="joulecut.fleet/1"), "schema: 'joulecut.fleet/1'; expected 'joulecut.service/1'"),
        (_drop("schema"), "schema: missing; expected 'joulecut.service/1'"),
        (_set("idle_watts", value=[]), "idle_watts: unknown key; did you mean 'idle_w'?"),
        (_drop("idle_w"), "idle_w: missing; expected a list of a finite number"),
        (_set("idle_w", 1, value=-1.0), "idle_w[1]: -1.0; expected watts of at least 0"),
        (_set("idle_w", value=[1.0]), "idle_w: 1 values; expected watts for each of 3 operating points"),
        (_set("batches", value=[2, 3, 4]), "batches: [2, 3, 4]; expected batch sizes ascending from 1"),
        (_set("batches", value=[1, 4, 2]), "batches[2]: 2 behind 4; expected batch sizes ascending from 1"),
        (_set("batches", value=[1, 2, 1_000_000]), "batches[2]: 1000000; expected batch sizes of at most 4096"),
        (_set("batches", 1, value=3.0), "batches[1]: 3.0; expected a whole number"),
        (_set("batches", value=[1, 3]), "variants[0].time_s: 3 values; expected one for each of 2 batch sizes"),
        (_set("units", value=["one"]), "variants[0].time_s[0]: 3 values; expected one for each of 1 units"),
        (_set("points", value=[]), "points: empty; expected at least one"),
        (
            _set("points", 1, "core_mhz", value=50.0),
            "points[1]: 50 MHz behind 100 MHz; expected operating points ascending, each once",
        ),
        (_set("points", 2, "core_mhz", value=200.0), "points[2]: 200 MHz behind 200 MHz; expected operating points"),
        (
            _set("variants", 1, "name", value="variant 0"),
            "variants[1].name: 'variant 0' is variants[0]'s too; expected one of its own",
        ),
        (_set("variants", value=[]), "variants: empty; expected at least one"),
        (_set("variants", 1, "time_s", 2, 0, 1, value=0), "variants[1].time_s[2][0][1]: 0; expected more than 0"),
        (_set("variants", 0, "busy_w", 0, 2, 0, value=-5.5), "variants[0].busy_w[0][2][0]: -5.5; expected more than 0"),
        (_set("variants", 0, "busy_w", 1, 1, value=[1.0]), "variants[0].busy_w[1][1]: 1 values; expected one for each"),
        (_set("variants", 0, "time_s", 1, value="fast"), "variants[0].time_s[1]: 'fast'; expected a list"),
        (_set("variants", 0, "time_s", 1, 1, 1, value=True), "variants[0].time_s[1][1][1]: True; expected a finite"),
        (_set("variants", 0, "time_s", 1, 1, 1, value=float("nan")), "variants[0].time_s[1][1][1]: nan; expected a"),
        (_set("variants", 1, "accuracy", value=1.5), "variants[1].accuracy: 1.5; expected 0 to 1"),
        (_set("variants", 0, "figures", value="guessed"), "variants[0].figures: 'guessed'; expected one of"),
        (_set("switch_s", value=-1.0), "switch_s: -1.0; expected at least 0"),
        (_set("points", 0, value={"core": 1}), "points[0].core: unknown key; did you mean 'core_mhz'?"),
    ],
)
def test_what_is_wrong_is_named(spoil: Callable[[Document], None], message: str) -> None:
    """Each damaged field is found by its JSON path, with what was expected."""
    spoiled = document()
    spoil(spoiled)
    with pytest.raises(ProfileError) as caught:
        parse_service_table(json.dumps(spoiled))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("text", ["[]", "3", '"x"', "null"])
def test_other_json_is_refused(text: str) -> None:
    """A list or a number is not a table."""
    with pytest.raises(ProfileError, match="top level"):
        parse_service_table(text)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """The message starts with the file, whether it is missing, no JSON or says a key twice."""
    file = tmp_path / "table.json"
    with pytest.raises(ProfileError, match="no such file"):
        load_service_table(file)
    for text, what in (("{", "not JSON"), ('{"schema": "joulecut.service/1", "schema": ""}', "schema: duplicate key")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ProfileError, match=what) as caught:
            load_service_table(file)
        assert str(caught.value).startswith(str(file))


def test_the_documents_example_is_one() -> None:
    """The page that describes the file shows a table that is read as it stands."""
    page = Path(__file__).parents[3] / "docs" / "reference-service-file.md"
    example = page.read_text(encoding="utf-8").split("```json\n")[1].split("```")[0]
    assert parse_service_table(example).batches == (1, 2)
