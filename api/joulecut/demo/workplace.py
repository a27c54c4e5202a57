"""Where the demo keeps what it makes: the packed network and, with --reprofile, fresh profiles."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from joulecut.networks import efficientnet_lite0
from joulecut_core.errors import BundleError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.bundle import write_bundle
from joulecut_runtime.networks.network import Network

_LOG = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "shipped"
"""Profiles and the wire table that come with the package, all of emulated devices."""

_NETWORK = "efficientnet-lite0"
_SIDE = 224


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """A folder of the user's cache; `run_folder` holds sockets, logs and configuration of one run.

    `dashboard`: host:port where the server-agent serves its dashboard; empty for none.
    """

    folder: Path
    run_folder: Path
    dashboard: str = ""

    @property
    def bundle(self) -> Path:
        """The packed network."""
        return self.folder / _NETWORK

    @property
    def profiles(self) -> Path:
        """Profiles made by this run."""
        return self.run_folder / "profiles"

    @property
    def shipped_wires(self) -> Path:
        """The table of wire codecs, measured on many crops."""
        return SHIPPED / "wires.json"

    def network(self) -> Network:
        """The trained network, packed now where it is not there yet or damaged."""
        if self.bundle.exists():
            try:
                return Network.load(self.bundle)
            except BundleError as error:
                _LOG.warning("packing again: %s", error)
        example = torch.zeros(1, 3, _SIDE, _SIDE, dtype=torch.uint8)
        write_bundle(capture(efficientnet_lite0(), (example,), name=_NETWORK), self.bundle)
        return Network.load(self.bundle)
