"""The words around the numbers, for a reader who does not know the paper."""

from __future__ import annotations

LEAD = (
    "A GPU answers pictures one by one or in batches, at one of many clocks, through one of several runtimes. Each "
    "choice changes how long an answer takes and how many joules it costs. Yao and others asked in 2020 how far the "
    "usual settings are from the best ones, which layers of a network take the energy, and why. This page asks the "
    "same of one device, cell by cell, and says of each of their findings whether it holds here."
)

WORDS = (
    ("batch", "how many pictures are computed at once. All of them wait for the whole batch."),
    ("image", "one picture that the network is given, and its answer."),
    ("clock", "the frequency of the GPU's cores. Under the governor the device decides; otherwise one clock is held."),
    ("default", "eager, the smallest batch, the device's own governor: what runs where nobody tunes anything."),
    ("images/J", "pictures answered per joule: more is better. A joule is one watt for one second."),
    ("EDP, ED2P", "joules of one picture times seconds of its batch, once and squared: less is better."),
    ("revenue", "one number that pays for images/J and charges for lateness, 1 at the default. The formula is ours."),
    ("SLO", "the seconds within which an answer is worth its full price."),
    ("layer", "one operator of the network, batch norms folded into the convolutions before them."),
    ("engine", "the runtime that computes the network: eager PyTorch, or something that prepares it beforehand."),
    ("eager", "PyTorch as it comes: the host hands the GPU one operation after the other."),
    ("cuda-graph", "the same operations, recorded once and handed over together."),
    ("operation", "what is launched on the GPU one after the other: one per layer."),
    ("GFLOP", "a thousand million additions or multiplications: how much there is to compute, not how long it takes."),
)

CAPTIONS = {
    "efficiency": "Images per joule at every clock that was held, eager (models.csv: clock=held).",
    "tradeoff": "What speed costs: every setting, eager (models.csv). Dashed: the SLO. Stars: the governor.",
    "engines": "The engines side by side at the default clock (models.csv: clock=governor).",
    "layer_power": "Watts of each layer, run alone at the default's clock (layers.csv: place=default, power_w).",
    "layer_energy": "Which kinds of layer take the energy at the default's clock (layers.csv: place=default).",
}

LAYER_NOTE = (
    "A layer's seconds are those inside whole runs, its watts those of the layer alone, back to back, and its joules "
    "the product of both. Where a layer is too short for the meter its watts are estimated, or missing (power_kind in "
    "layers.csv). Layers are measured under the eager engine only: the others fuse them."
)

PART_NOTE = (
    "parts.csv holds the head and the tail of candidate cuts, as edge and server would run them, under every engine."
)


def figures_note(figures: str) -> str:
    """What a kind of figure means."""
    return {
        "emulated": (
            "Emulated: every second and joule here was read from the clock and meter of an emulated device, which "
            "follows a file of fitted and assumed laws. It shows what the laws imply, not what a GPU did."
        ),
        "measured": "Measured: seconds and joules were read from the clock and meter of real hardware.",
        "estimated": "Estimated: at least part of the joules is computed from configured watts.",
    }[figures]
