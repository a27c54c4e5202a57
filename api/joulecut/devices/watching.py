"""The live view of devices: a table that is drawn anew on a terminal, elsewhere a line a reading, of words or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import typer
from rich.console import Console
from rich.live import Live

from joulecut.devices.desk import Desk
from joulecut.devices.readings import Pace, Reading, Story
from joulecut.devices.stopping import Stopping
from joulecut.devices.views import reading_document, reading_line, readings_table
from joulecut_core.devices import DeviceInfo
from joulecut_core.timing import Clock, SystemClock


class LiveView:
    """Shows readings as they come: a terminal the newest of each device, files and programs every one.

    Use it as a context.
    """

    def __init__(self, infos: Mapping[str, DeviceInfo], *, as_json: bool, console: Console | None = None) -> None:
        self._infos = infos
        self._as_json = as_json
        self._newest: dict[str, Reading] = {}
        console = console or Console()
        # What is not a terminal would be written to once, at the end.
        self._redrawn = console.is_terminal and not as_json
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def show(self, readings: Mapping[str, Reading]) -> None:
        """Show one reading of each device."""
        if not self._redrawn:
            for name, reading in readings.items():
                typer.echo(self._line(name, reading))
            return
        self._newest.update(readings)
        self._live.update(readings_table(self._infos, self._newest), refresh=True)

    def _line(self, name: str, reading: Reading) -> str:
        if self._as_json:
            return json.dumps(reading_document(name, self._infos[name], reading))
        return reading_line(name, self._infos[name], reading)

    def __enter__(self) -> LiveView:
        if self._redrawn:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._redrawn:
            self._live.stop()


def follow(stories: Mapping[str, Story], view: LiveView, *, clock: Clock, pace: Pace, stopping: Stopping) -> None:
    """Show readings of every device until the pace ends or somebody wants to stop.

    Raises DeviceError where a device vanishes.
    """
    for _ in pace.ticks(clock, stopping):
        view.show({name: story.read() for name, story in stories.items()})


def watch_devices(names: Sequence[str], *, root: Path, clockd_socket: Path | None, pace: Pace, as_json: bool) -> None:
    """Show the devices called `names`, or all real ones, until the pace ends or Ctrl-C."""
    clock = SystemClock()
    desk = Desk(root, clockd_socket, clock)
    with ExitStack() as opened, Stopping() as stopping:
        probes = {name: opened.enter_context(desk.probe(name)) for name in names or desk.here()}
        view = LiveView({name: probe.info for name, probe in probes.items()}, as_json=as_json)
        stories = {name: desk.story(name, probe) for name, probe in probes.items()}
        with view:
            follow(stories, view, clock=clock, pace=pace, stopping=stopping)
