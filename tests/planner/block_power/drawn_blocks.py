"""Networks drawn from a seed on a device whose blocks draw joules per FLOP, byte and launch, and nothing else.

t = 20 us * operations + FLOPs / (1e12 x) + bytes / 4e10                                x = core clock / top clock
P = 5 W + 2 W * x + (JOULES_PER_FLOP * x * FLOPs + JOULES_PER_BYTE * bytes + JOULES_PER_LAUNCH * operations) / t
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from joulecut_core.block_features import BlockFeatures, KindWork
from joulecut_core.block_measurements import BlockMeasurements, BlockPoint
from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind
from joulecut_core.profiles import ProfileKey
from joulecut_core.workloads import OperationKind

JOULES_PER_FLOP = 6e-12
JOULES_PER_BYTE = 5e-11
JOULES_PER_LAUNCH = 2e-5
CLOCKS_MHZ = (300.0, 500.0, 800.0)
TOP = OperatingPoint(core_mhz=1000.0)


def features_of(seed: int, blocks: int = 6) -> tuple[BlockFeatures, ...]:
    """Blocks of convolutions and element-wise operations over three decades of size."""
    rng = np.random.default_rng(seed)
    drawn = []
    for index in range(blocks):
        flops, size_bytes = float(10 ** rng.uniform(6.5, 9.5)), float(10 ** rng.uniform(5.5, 7.5))
        launches, share, fused = int(rng.integers(1, 6)), float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.001, 0.1))
        drawn.append(
            BlockFeatures(
                name=f"block {index}",
                batch=1,
                kinds=(
                    KindWork(
                        kind=OperationKind.CONVOLUTION, operations=launches, flops=flops, size_bytes=share * size_bytes
                    ),
                    KindWork(
                        kind=OperationKind.ELEMENTWISE,
                        operations=1,
                        flops=fused * flops,
                        size_bytes=(1 - share) * size_bytes,
                    ),
                ),
                input_bytes=int(0.2 * size_bytes),
                output_bytes=int(0.25 * size_bytes),
                output_shape=(1, 32, 14, 14),
                weight_bytes=int(0.5 * size_bytes),
            )
        )
    return tuple(drawn)


def seconds(block: BlockFeatures, core_share: float) -> float:
    """What the device takes for a block."""
    return 20e-6 * block.operations + max(block.flops / (1e12 * core_share), block.size_bytes / 4e10)


def watts(block: BlockFeatures, core_share: float) -> float:
    """What the device draws meanwhile."""
    joules = (
        JOULES_PER_FLOP * core_share * block.flops
        + JOULES_PER_BYTE * block.size_bytes
        + JOULES_PER_LAUNCH * block.operations
    )
    return wait_w(core_share) + joules / seconds(block, core_share)


def wait_w(core_share: float) -> float:
    """What the device draws when it waits."""
    return 5.0 + 2.0 * core_share


def drawn_network(
    seed: int, *, noise: float = 0.0, shortest_s: float = 0.0, name: str | None = None, device: str = "drawn"
) -> BlockMeasurements:
    """One network's blocks, metered with some relative noise where they take at least `shortest_s`."""
    rng = np.random.default_rng((seed, 1))
    blocks = features_of(seed)
    points = []
    for core_mhz in CLOCKS_MHZ:
        share = core_mhz / TOP.core_mhz
        times_s = tuple(seconds(block, share) for block in blocks)
        exact_w = [watts(block, share) for block in blocks]
        whole_j = sum(time_s * power_w for time_s, power_w in zip(times_s, exact_w, strict=True))
        points.append(
            BlockPoint(
                achieved=OperatingPoint(core_mhz=core_mhz),
                wait_w=wait_w(share),
                whole_s=sum(times_s),
                whole_w=whole_j / sum(times_s),
                block_s=times_s,
                block_w=tuple(
                    power_w * (1.0 + noise * float(rng.standard_normal())) if time_s >= shortest_s else None
                    for time_s, power_w in zip(times_s, exact_w, strict=True)
                ),
            )
        )
    return BlockMeasurements(
        key=ProfileKey(
            device=device,
            driver="none",
            power_scope="board",
            network_digest=f"sha256:{seed}",
            side="edge",
            engine="eager",
            precision="fp32",
            batch=1,
        ),
        network=name or f"network {seed}",
        figures=FigureKind.EMULATED,
        top=TOP,
        blocks=blocks,
        points=tuple(points),
    )


def drawn_networks(count: int, *, noise: float = 0.0, shortest_s: float = 0.0) -> Sequence[BlockMeasurements]:
    """Networks of seeds 0 to `count` - 1."""
    return [drawn_network(seed, noise=noise, shortest_s=shortest_s) for seed in range(count)]
