"""What Yao et al. 2020 found, as far as it is public, and how each claim is judged here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PAPER = (
    "Yao, Liu, Tang, Guo, Hu, Lu, Jiang: Evaluating and analyzing the energy efficiency of CNN inference on "
    "high-performance GPU. Concurrency and Computation: Practice and Experience 33(6), 2021 (online October 2020), "
    "doi 10.1002/cpe.6064"
)
CLAIMED_REVENUE = 15.31
CLAIMED_RUNTIME = 1.53

KNOWN_OF_THE_PAPER = (
    "Known, from the abstract: which parameters were tuned (batch size, voltage and frequency), that a revenue model "
    "trades energy efficiency against latency, the findings below, and two figures: up to 15.31 times the revenue of "
    "the default settings, and TensorRT with 1.53 times the energy efficiency of TensorFlow."
)
UNKNOWN_OF_THE_PAPER = (
    "Not known: the formula of its revenue, its default settings, its GPUs, networks, precision and batch sizes, and "
    "what its watts contain. So its 15.31 and any figure of ours are of different things; they stand side by side, "
    "each with what is known of its formula, and are not compared."
)


class Verdict(str, Enum):
    """What the data say of a claim."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    CANNOT_BE_JUDGED = "cannot be judged here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim, whose it is, the rule by which data judge it, and what an emulated device cannot tell.

    `circular`: an emulated device would only give back what its file assumes, so there it is not judged.
    """

    name: str
    title: str
    claim: str
    source: str
    rule: str
    emulated_caveat: str
    circular: bool = False


_ABSTRACT = "Yao et al. 2020, abstract"

DEPTH = Claim(
    name="F1",
    title="Depth leaves the GPU idle",
    claim="GPUs do not exploit the parallelism from the model depth, resulting in low energy efficiency.",
    source=f"{_ABSTRACT}, finding (i)",
    rule=(
        "Smallest batch, eager, top clock: of any two networks of which one launches at least 1.5 times as many "
        "operations per GFLOP, that one computes fewer GFLOP per joule."
    ),
    emulated_caveat=(
        "An emulated device runs operations one after the other and adds a launch to each: the effect is built in, its "
        "size follows from the device file."
    ),
)
SMALL_KERNELS = Claim(
    name="F2",
    title="Small kernels leave the GPU idle",
    claim="GPUs do not exploit the parallelism of small convolution kernels, resulting in low energy efficiency.",
    source=f"{_ABSTRACT}, finding (i)",
    rule=(
        "Smallest batch, eager, top clock: over a network's convolutions, GFLOP per joule rises with the layer's GFLOP "
        "(Spearman's rank correlation of at least 0.5 in every network with 10 convolutions or more)."
    ),
    emulated_caveat=(
        "The emulated part of a small kernel's time is launch and fill of the pipeline, at a small share of the "
        "dynamic power: assumed values of the device file."
    ),
)
CONVOLUTIONS = Claim(
    name="F3",
    title="Convolutions take most of the energy",
    claim="Convolutional layers are the most energy-consuming CNN layers.",
    source=f"{_ABSTRACT}, finding (ii)",
    rule="Eager, top clock: convolutions, also depthwise ones, take over half of the layers' joules at every batch.",
    emulated_caveat="How efficiently each kind of layer runs is assumed in the device file.",
)
FLAT_POWER = Claim(
    name="F4",
    title="Power is nearly the same in all layers",
    claim="Due to the cache, the power consumption of all layers is relatively balanced.",
    source=f"{_ABSTRACT}, finding (ii)",
    rule=(
        "Eager, top clock: the standard deviation of the layers' watts, weighted by their seconds, is at most 20 % of "
        "the mean at every batch. (The paper does not say how it judged balance.)"
    ),
    emulated_caveat=(
        "The dynamic power of each kind of layer is an assumed activity of the device file, and no cache is emulated: "
        "to judge the claim by it would be circular."
    ),
    circular=True,
)
RUNTIME = Claim(
    name="F5",
    title="The runtime matters",
    claim="The energy efficiency of TensorRT is 1.53 times that of TensorFlow.",
    source=f"{_ABSTRACT}, finding (iii)",
    rule=(
        "Same batch, default clock: in every network another engine answers at least 1.1 times as many images per "
        "joule as eager PyTorch at some batch. (TensorFlow is not among our engines.)"
    ),
    emulated_caveat=(
        "The only other engine of an emulated device is a CUDA graph, an assumed third of the launch with the same "
        "kernels: to judge the claim by it would be circular."
    ),
    circular=True,
)
SETTINGS = Claim(
    name="F6",
    title="Batch size and clock are worth tuning",
    claim="Compared with the default settings, the optimal settings can improve revenue by up to 15.31 times.",
    source=_ABSTRACT,
    rule=(
        "Eager: the best batch and clock earn at least 1.1 times the revenue of the smallest batch under the device's "
        "own governor, in every network. (The size of the gain is not judged: the paper's formula is not known.)"
    ),
    emulated_caveat="Below the lowest clock that was measured on a real board the device file's power is assumed.",
)
LAUNCH_BOUND = Claim(
    name="F7",
    title="Eager, small batches wait for the CPU",
    claim="At the smallest batch the host's launches, not the GPU's clock, set the pace.",
    source="joulecut's own expectation; why the host's clock is recorded",
    rule=(
        "Eager: from about half the top clock to the top, less than half of the clock's rise comes back as speed "
        "(-d ln t / d ln f below 0.5) at the smallest batch, and less than at the largest, in every network."
    ),
    emulated_caveat="The launch is a constant of the device file that no clock shortens; there is no host to have one.",
)
CLAIMS = (DEPTH, SMALL_KERNELS, CONVOLUTIONS, FLAT_POWER, RUNTIME, SETTINGS, LAUNCH_BOUND)
"""In the order of the page."""
