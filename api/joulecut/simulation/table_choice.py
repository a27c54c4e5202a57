"""The service table that is simulated: read from a file, or made from a network on a device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from joulecut_core.errors import ConfigError
from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.service_file import load_service_table
from joulecut_runtime.profiling.progress import ProgressSink


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOrder:
    """A file, or a network and a device. Raises ConfigError for both, neither or half of it."""

    file: Path | None = None
    network: str | None = None
    device: str | None = None
    inputs: tuple[str, ...] = ()
    """Of a network that is a factory: dtype:1xBxC of each tensor."""

    def __post_init__(self) -> None:
        if self.file is not None and (self.network is not None or self.device is not None):
            raise ConfigError("--tables stands for itself; expected it alone, or --network and --device")
        if self.file is None and (self.network is None or self.device is None):
            raise ConfigError("no service table; expected --tables with a file, or both --network and --device")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChoice:
    """A table and its origin in a few words."""

    table: ServiceTable
    source: str


def choose_table(order: TableOrder, progress: ProgressSink) -> TableChoice:
    """The table of an order, from its file, the user's cache, or made now.

    Raises ProfileError naming file and field of a malformed one, and what `provide_service_table` raises.
    """
    if order.file is not None:
        return TableChoice(table=load_service_table(order.file), source=f"table: {order.file}")
    # Torch takes seconds, and a table in a file does without.
    from joulecut.service.tables import ServiceOrder, provide_service_table  # noqa: PLC0415

    network, device = order.network or "", order.device or ""
    made = ServiceOrder(network=network, device=device, inputs=order.inputs)
    table = provide_service_table(made, progress=progress)
    return TableChoice(table=table, source=f"table: {network} measured on {device}")
