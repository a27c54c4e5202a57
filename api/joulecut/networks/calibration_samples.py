"""An INT8 variant's scales from what a user has: a folder of pictures, or a file of arrays."""

from __future__ import annotations

from pathlib import Path

from joulecut.own.arrays import tensors_of
from joulecut.own.samples import choose_samples
from joulecut_core.errors import ConfigError
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network
from joulecut_runtime.quantised.calibration import calibrate
from joulecut_runtime.quantised.packed_weights import integer_obstacle
from joulecut_runtime.quantised.scales import Scales


def scales_from(graph: Graph, samples: Path) -> Scales:
    """The scales of a network by its values on a folder of JPEG or PNG files, or a .npy or .npz file of inputs.

    Raises ConfigError where there are none that the network takes, or nothing in it could compute in integers.
    """
    obstacle = integer_obstacle()
    if obstacle is not None:
        raise ConfigError(f"--int8 {samples}: {obstacle}")
    specs = Network(graph).table.inputs
    folder, file = (samples, None) if samples.is_dir() else (None, samples)
    chosen = choose_samples(specs, pictures=folder, file=file)
    inputs = [tensors_of(each, specs) for each in chosen.inputs]
    return calibrate(graph, inputs, calibrated_on=chosen.words)
