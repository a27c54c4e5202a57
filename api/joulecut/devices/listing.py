"""The list of devices: the name for configuration files, what it is, its clocks, and who may set them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joulecut.commands.whole_tables import print_whole
from joulecut.devices.clock_access import ClockAccess, Setter
from joulecut.devices.clock_tables import table_facts, table_in_words
from joulecut.devices.desk import Desk
from joulecut_core.clocks import ClockTable
from joulecut_core.decoding import encode
from joulecut_core.devices import DeviceInfo
from joulecut_core.errors import DeviceError
from joulecut_core.timing import SystemClock
from joulecut_runtime.devices.hardware.probe import Capabilities
from joulecut_runtime.devices.opening import device_names

SCHEMA = "joulecut.device-list/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A device that can be opened."""

    name: str
    info: DeviceInfo
    table: ClockTable
    capabilities: Capabilities
    access: ClockAccess

    @property
    def settable_by(self) -> Setter:
        """Who sets its clocks for this user."""
        return self.access.setter if self.capabilities.core_settable else Setter.NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Unopened:
    """A device that is here and does not open, and why."""

    name: str
    error: str


def show_list(*, root: Path, clockd_socket: Path | None, emulated: bool, as_json: bool) -> None:
    """Print the list."""
    desk = Desk(root, clockd_socket, SystemClock())
    names = (*desk.here(), *(device_names() if emulated else ()))
    found = tuple(look(desk, names))
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, "devices": [_document(each) for each in found]}, indent=1))
    else:
        print_whole(Console(), _table(found))


def look(desk: Desk, names: Iterable[str]) -> Iterator[Listed | Unopened]:
    """Open each device and close it again."""
    for name in names:
        try:
            with desk.probe(name) as probe:
                yield Listed(
                    name=name,
                    info=probe.info,
                    table=probe.clock_table,
                    capabilities=probe.capabilities,
                    access=desk.keeper(name).access(probe.board),
                )
        except DeviceError as error:
            yield Unopened(name=name, error=" ".join(str(error).split()))


def _document(each: Listed | Unopened) -> dict[str, Any]:
    if isinstance(each, Unopened):
        return {"name": each.name, "error": each.error}
    return {
        "name": each.name,
        "info": encode(each.info),
        "clocks": table_facts(each.table),
        "core_settable": each.capabilities.core_settable,
        "memory_settable": each.capabilities.memory_settable,
        "settable_by": each.settable_by.value,
        "holder": each.access.holder,
        "meter": each.capabilities.meter.value,
        "remarks": list(each.capabilities.remarks),
    }


def _table(found: Iterable[Listed | Unopened]) -> Table:
    table = Table(title="name: what `device` in a configuration file takes")
    for column in ("name", "device", "watts contain", "clocks", "set by"):
        table.add_column(column, overflow="fold")
    for each in found:
        if isinstance(each, Unopened):
            table.add_row(escape(each.name), f"[red]{escape(each.error)}[/red]", "", "", "")
            continue
        scope = f"{each.info.power_scope} ({each.info.figures.value})"
        holder = f", held by {each.access.holder}" if each.access.holder else ""
        setter = f"{each.settable_by.value}{holder}"
        row = (each.name, each.info.name, scope, table_in_words(each.table), setter)
        table.add_row(*map(escape, row))
    return table
