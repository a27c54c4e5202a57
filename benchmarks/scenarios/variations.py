"""Ways to plan the same scenario: which wires are on offer, and how a spread becomes a margin.

A split's opponent at cut 0 is a JPEG, so what a split is worth depends on what that JPEG may be, and on
how much of a deadline its varying size takes. The sweep is planned `AS_OFFERED`; the others show how
much hangs on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from joulecut_core.errors import ProfileError
from joulecut_core.wires import WireTable

_PLAIN = ("raw", "fp16", "affine8")
_JPEG90 = "jpeg90"


class Variation(str, Enum):
    """A set of wires and a margin."""

    AS_OFFERED = "as-offered"
    """raw, fp16, affine8, and JPEG at quality 98 for the picture; Cantelli's margin, as in the demo."""
    NO_JPEG = "no-jpeg"
    """Without any JPEG: what a comparison looks like that leaves the opponent out."""
    JPEG90 = "jpeg90"
    """JPEG at quality 90 in place of 98; the accuracy budget is raised to what it costs."""
    GAUSSIAN = "gaussian"
    """As offered, with the margin of a normal distribution: a quarter of Cantelli's at a quantile of 0.99."""
    EVEN_JPEG = "even-jpeg"
    """As offered, but as if every picture had the mean size, which no camera sends: the strongest opponent."""

    @property
    def margin(self) -> str:
        """The service level's margin."""
        return "gaussian" if self is Variation.GAUSSIAN else "cantelli"

    @property
    def jpeg(self) -> str | None:
        """The JPEG on offer at cut 0."""
        return {Variation.NO_JPEG: None, Variation.JPEG90: _JPEG90}.get(self, "jpeg98")


SENSITIVITY = tuple(variation for variation in Variation if variation is not Variation.AS_OFFERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Wires, and the accuracy budget they are chosen under."""

    wires: WireTable
    max_accuracy_loss: float


def offer(variation: Variation, table: WireTable, max_accuracy_loss: float) -> Offer:
    """What a variation offers out of the measured table. Raises ProfileError where the table lacks its JPEG."""
    jpeg = variation.jpeg
    wires = tuple(wire for wire in table.wires if wire.codec in _PLAIN or wire.codec == jpeg)
    losses = [wire.accuracy_loss for wire in wires if wire.codec == jpeg]
    if jpeg and not losses:
        raise ProfileError(f"wires: no {jpeg} at any cut; expected it measured: measure the wires with it")
    if variation is Variation.JPEG90:
        max_accuracy_loss = max(max_accuracy_loss, *losses)
    if variation is Variation.EVEN_JPEG:
        wires = tuple(replace(wire, std_bytes=0.0) for wire in wires)
    return Offer(wires=replace(table, wires=wires), max_accuracy_loss=max_accuracy_loss)
