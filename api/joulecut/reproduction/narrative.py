"""What the papers claim, what is done here, and where and why ours may differ: the words around the numbers."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut.reproduction.findings import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrative:
    """One case in words."""

    case: Case
    title: str
    claim: str
    source: str
    done: str
    differs: tuple[str, ...]


LEAD = (
    "A network can be computed at many clocks of a GPU, and in part on a server. Whoever picks clock and cut from a "
    "model of time and energy is only as good as that model. Han, Nan, Zhou and Niu (2025) replace the model that was "
    "inherited from CPUs (time = k / f) by one with a part that no clock shortens (time = a f^-b + c). Here both make "
    "their choices, and what they chose is looked up in measurements or executed on emulated devices and read off a "
    "meter."
)

WORDS = (
    ("clock", "the frequency of the GPU's cores; the memory has one of its own. 612/2133 MHz: cores / memory."),
    ("DVFS", "dynamic voltage and frequency scaling: choosing that clock, and with it the voltage."),
    ("CPU-DVFS", "the older model: time = k / f, power = kappa f^3. All work speeds up with the clock; rest is free."),
    ("DVFS-aware", "a model in which part of the time, and of the power, does not depend on the clock."),
    ("static power", "what a device draws however slow its clock is."),
    ("series", "one network on one device, measured at every clock."),
    ("deadline", "the time within which an answer has to be there. A choice that takes longer misses it."),
    ("edge, server", "a small board beside the camera, and a GPU behind the link (the uplink) that can help it."),
    ("cut", "the block after which the board hands over: cut 0 sends the picture, the last cut sends nothing."),
    ("raw, affine8, jpeg98", "how what is sent is written: as it is, with eight bits a number, as a picture file."),
)
"""For a reader who does not know the papers."""

NARRATIVES = (
    Narrative(
        case=Case.LOCAL,
        title="Local: which clock",
        claim=(
            "Optimising local inference with the DVFS-aware model takes no less than 66 % less time and no less than "
            "69 % less energy than with the CPU-DVFS model (on Jetson boards, among them Orin Nano and Xavier NX)."
        ),
        source="Han, Nan, Zhou, Niu, arXiv 2502.06295, abstract and introduction",
        done=(
            "Each model is calibrated on four core clocks of a series and picks one clock of the whole table: by a "
            "weighted sum of time and energy, w t/t0 + (1 - w) E/E0, or by the least energy within a deadline. The "
            "table says what that clock really takes. Three models: cpu-dvfs (k/f and kappa f^3), han2025 (a f^-b + c "
            "and kappa f^3), joulecut (its fits of time and of power). 'Energy alone' is w = 0."
        ),
        differs=(
            (
                "Of the paper only the abstract and introduction were at hand. That it minimises a weighted sum, that "
                "its power is kappa f^3, and how its k was obtained are assumptions. If k was derived from operation "
                "counts, the paper's CPU model is worse than ours, which is fitted to the same measurements as its "
                "rivals."
            ),
            (
                "Reductions of the claimed size appear where energy alone is asked for: kappa f^3 has no static "
                "power, so the slowest clock looks cheapest, while on a real board that clock draws its static watts "
                "for longest. The less energy weighs, the closer the models' choices come, down to no difference."
            ),
            (
                "Where time and energy are weighed, the sum of both is what is least: a choice may spend more of one "
                "to save the other, which is where a curve above lies below 0."
            ),
            (
                "Replacing the model of time alone changes little here. With kappa f^3 the least energy stays at the "
                "slowest clock whatever the time does; it is the static share of the power that moves it."
            ),
            (
                "Boards whose lowest clock is a third of the top (Orin Nano) have less to lose than those where it is "
                "a twelfth (TX2, AGX Xavier)."
            ),
        ),
    ),
    Narrative(
        case=Case.COOPERATIVE,
        title="Cooperative: which cut and which clocks",
        claim="With the DVFS-aware model, cooperative inference finds a better partition and spends less energy.",
        source="Han, Nan, Zhou, Niu, arXiv 2502.06295, abstract (no figure is given there)",
        done=(
            "The same exact solver plans EfficientNet-Lite0 on an emulated Orin Nano (15 W) and an emulated T4 with "
            "each model's tables, both made from the same four-clock profiles, over five uplinks, four deadlines, "
            "with and without a request rate, for the edge's joules and for both sides'. Every distinct plan is "
            "carried out on the two emulated devices in virtual time, pictures really encoded, and metered; a link of "
            "the planned bandwidth lies between them."
        ),
        differs=(
            (
                "The CPU model knows no waiting power, so waiting for a server looks free to it: it offloads more, to "
                "slower clocks, and pays on the meter for the time that takes."
            ),
            (
                "Where the link is fast and only the edge's joules count, both models send the picture: nothing is "
                "gained."
            ),
            (
                "One network, one pair of devices, a link without jitter; the radio's watts are assumed. The paper's "
                "own networks and devices were not run."
            ),
        ),
    ),
    Narrative(
        case=Case.MEMORY,
        title="The memory clock",
        claim=(
            "Planning that does not know the memory clock sends a governor to infeasible clocks: it misses 28 % of "
            "cycles at tight deadlines, with tables per memory clock at most 1.3 % (Orin NX). Choosing memory and "
            "core clock together saves energy."
        ),
        source="Kang, arXiv 2606.16106 (misses); Han, Nan, Zhou, Niu, arXiv 2509.17970 (energy), abstracts",
        done=(
            "Blind: a curve measured at the top memory clock, used at another one that something else has set, or "
            "with the memory clock left at its top. Aware: curves measured at four core clocks of every memory clock. "
            "Both pick either the least energy in time or, as deadline governors do, the slowest core clock in time; "
            "deadlines are 1.1 to 3 times the least latency. A miss is a latency more than 1 % over its deadline."
        ),
        differs=(
            (
                "Misses are counted over typical latencies at fixed clocks, not over single cycles of a running "
                "governor: tails and bursts are left out, so a choice either misses or not."
            ),
            (
                "Picking the least energy misses less often, blind or not: with static power that clock is rarely the "
                "slowest in time. Blindness then costs energy instead."
            ),
            (
                "No power was measured on the Orin Nano and TX2 grids: their joules are estimated with the watts of "
                "the emulated board at the same clocks, computing another network."
            ),
        ),
    ),
)
"""In the order in which they are told."""
