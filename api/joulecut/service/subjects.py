"""The networks that can be served: at every batch size where their code is at hand, with what judges their variants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from torch import Tensor

from joulecut.networks.accuracy import Evidence
from joulecut.networks.pictures import picture_size, sample_crops
from joulecut.networks.trained_digits import TrainedNetwork, trained_digits, trained_mnist
from joulecut.study.subjects import BundleSubject, ModuleSubject, Subject, find_subject
from joulecut_core.errors import ConfigError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.networks.bundle import MANIFEST_FILE, open_bundle
from joulecut_runtime.quantised.scales import Scales

TRAINED: dict[str, Callable[..., TrainedNetwork]] = {"digits": trained_digits, "mnist": trained_mnist}
"""Networks trained in the run, by name."""
_CALIBRATION, _HELD_OUT = 32, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedNetwork:
    """A network, and the seed of whatever is drawn for it.

    `evidence_of` gives what judges its variants, by its inputs at batch 1: None where nothing known does.
    """

    subject: Subject
    seed: int
    trained: TrainedNetwork | None = None
    scales: Scales | None = None
    """Those that its bundle brings."""

    @property
    def only_batch(self) -> int | None:
        """The one batch size that it can be captured at; None for any."""
        return self.subject.batch if isinstance(self.subject, BundleSubject) else None

    def evidence_of(self, inputs: Sequence[TensorSpec]) -> Evidence | None:
        """Labelled digits for a network trained on them, crops of sample pictures for one that takes pictures."""
        if self.trained is not None:
            return self.trained.evidence
        size = picture_size(inputs)
        if size is None:
            return None
        try:
            return picture_evidence(size, seed=self.seed)
        except ConfigError:
            # Without the sample pictures nothing is known, which the table says.
            return None


def served_network(reference: str, inputs: Sequence[str] = (), *, seed: int = 0) -> ServedNetwork:
    """A network that a user names: one of TRAINED, or what `joulecut.study.subjects.find_subject` finds.

    Raises ConfigError for an unknown one, or one whose data or code is not installed.
    """
    if reference in TRAINED:
        trained = TRAINED[reference](seed=seed)
        in_run = ModuleSubject(reference, lambda: trained.module, (trained.example,), weights="trained in this run")
        return ServedNetwork(subject=in_run, seed=seed, trained=trained)
    subject = find_subject(reference, inputs)
    scales = open_bundle(Path(reference)).scales if (Path(reference) / MANIFEST_FILE).is_file() else None
    return ServedNetwork(subject=subject, seed=seed, scales=scales)


def picture_evidence(size: int, *, seed: int) -> Evidence:
    """Random crops of the sample pictures: every other picture to calibrate, the rest to judge.

    Raises ConfigError where the package with the pictures is not installed.
    """
    return Evidence(
        calibration=_crops(0, _CALIBRATION, seed=seed, size=size),
        calibrated_on=f"{_CALIBRATION} random crops of 10 ImageNet pictures",
        held_out=_crops(1, _HELD_OUT, seed=seed + 1, size=size),
        judged_on="random crops of 10 other ImageNet pictures",
    )


def _crops(first: int, count: int, *, seed: int, size: int) -> tuple[tuple[Tensor, ...], ...]:
    return tuple(islice(sample_crops(2 * count, seed=seed, size=size), first, None, 2))
