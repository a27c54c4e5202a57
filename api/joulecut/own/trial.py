"""Trying a network of one's own: both agents on emulated devices, a few policies run and metered beside their plans."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from joulecut.demo.counting import Counting
from joulecut.demo.course import DemoResult, MeteredAt, run_demo
from joulecut.demo.metering import WARM_UP_REQUESTS
from joulecut.demo.pairs import PlannedPair
from joulecut.demo.planned import PlannedPolicy
from joulecut.demo.results import ObjectiveResult
from joulecut.demo.scenario import Scenario
from joulecut.demo.slowdown import HEADROOM_OF_FIRST_TRY, kept_up, needed_slowdown
from joulecut.long_work.progress import Narrator
from joulecut.networks.packing import capture_factory
from joulecut.own.network import Network, load
from joulecut.own.pair import furnish, profiles_of
from joulecut.own.prospects import refuse_hopeless
from joulecut.own.samples import choose_samples
from joulecut_core.errors import ConfigError
from joulecut_planner import Policy
from joulecut_runtime.networks.network import Network as RuntimeNetwork

_WALL_S = 60.0
_FEW, _MANY = 6, 20
"""Meters tick ten times a second, so that fewer requests leave nothing between two ticks; more say nothing new."""

TRIED = (Policy.ALL_EDGE, Policy.ALL_SERVER, Policy.GOVERNOR, Policy.JOINT)
"""What a trial runs: both ends, the board as shipped, and the joint plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOrder:
    """What to try, and how. `target`: a bundle's folder or package.module:factory, the latter with `shapes`.

    `max_accuracy_loss`: None offers lossless wires only and measures none; `slowdown`: None measures it. `count`:
    requests for each policy; None sends as many as take about a minute here, within limits.
    """

    target: str
    shapes: tuple[str, ...]
    weights: Path | None
    scenario: Scenario
    max_accuracy_loss: float | None
    pictures: Path | None
    file: Path | None
    slowdown: float | None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was tried and found. `samples`: in words, what was sent; `wires`: what the wire table was measured on.

    `left_out`: policies that were not run, since their own plans break the service level.
    """

    network: str
    scenario: Scenario
    samples: str
    wires: str
    result: ObjectiveResult
    fallbacks: int
    left_out: tuple[PlannedPolicy, ...] = ()
    pairs: tuple[PlannedPair, ...] = ()


def try_network(order: TrialOrder, narrator: Narrator) -> Trial:
    """Capture, profile, plan, run. Raises whatever the steps raise: each error names its own remedy."""
    with narrator.step("capturing the network"):
        network = captured(order.target, order.shapes, weights=order.weights)
    scenario = order.scenario
    cuts = network.cuts()
    narrator.note(f"{network.name}: {len(cuts)} cuts, {cuts[0].size_bytes / 1e3:.1f} kB of input")
    samples = choose_samples(network.inputs, pictures=order.pictures, file=order.file, seed=scenario.seed)
    narrator.note(f"inputs: {samples.words}")
    devices = (scenario.edge_device, scenario.server_device)
    with tempfile.TemporaryDirectory(prefix="joulecut-") as folder:
        with narrator.bar("measuring wires") as sink:
            wires = network.wires(
                () if order.max_accuracy_loss is None else samples.inputs,
                samples_from=samples.words,
                progress=sink.advance,
            )
        with narrator.bar("profiling both devices") as sink:
            workplace = furnish(network, scenario, wires, run_folder=Path(folder), progress=sink.advance)
        edge, server = profiles_of(network, scenario, workplace)
        refuse_hopeless(scenario, edge=edge, server=server, wires=wires)
        factor = order.slowdown or needed_slowdown(network.runtime, devices, headroom=HEADROOM_OF_FIRST_TRY)
        scenario = replace(scenario, requests=order.count or fitting_count(scenario, factor))
        narrator.note(f"slow-down: one emulated second lasts {factor:g} s here, for both devices and the link alike")
        seconds = factor * len(scenario.policies) * (scenario.requests + WARM_UP_REQUESTS) / scenario.rate_hz
        narrator.note(
            f"{scenario.requests} requests for each policy, {seconds:.0f} s of them (--count says how many), beside "
            "the start of two agents for each; again and slower should this machine not keep up"
        )
        with narrator.bar("running") as sink:
            reporter, metered = Counting(sink).reporter, MeteredAt()

            def run(slowdown: float) -> DemoResult:
                return run_demo(
                    scenario,
                    workplace,
                    network.runtime,
                    slowdown=slowdown,
                    reprofile=False,
                    report=reporter,
                    inputs=samples.inputs,
                    metered=metered,
                )

            found = kept_up(run, factor, narrator.note, may_slow_down=order.slowdown is None)
    return Trial(
        network=network.name,
        scenario=scenario,
        samples=samples.words,
        wires=wires.samples_from,
        result=found.objectives[0],
        fallbacks=found.fallbacks,
        left_out=found.left_out,
        pairs=found.pairs,
    )


def fitting_count(scenario: Scenario, slowdown: float) -> int:
    """Requests for each policy that together take about a minute on the wall; at least few, at most many enough."""
    fitting = _WALL_S * scenario.rate_hz / (slowdown * len(scenario.policies)) - WARM_UP_REQUESTS
    return int(min(max(fitting, _FEW), _MANY))


def captured(target: str, shapes: Sequence[str], *, weights: Path | None = None) -> Network:
    """The network of a bundle's folder, or of package.module:factory on inputs of these shapes.

    Raises ConfigError where neither is there, BundleError or CaptureError where it is not fit for use.
    """
    if Path(target).is_dir():
        if shapes or weights is not None:
            raise ConfigError(f"{target}: a bundle has its inputs and weights; expected no --input and no --weights")
        return load(target)
    return Network(RuntimeNetwork(capture_factory(target, shapes, weights=weights)))
