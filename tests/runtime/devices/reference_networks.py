"""Operation lists of published networks, written from their architecture: what calibration anchors were measured on."""

from __future__ import annotations

from joulecut_core.workloads import Operation, OperationKind, Workload

_F32 = 4

MOBILENET_V2_STAGES = (
    # expansion, channels, repeats, stride (Sandler et al. 2018, table 2)
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def convolution(
    *, size: int, inputs: int, outputs: int, kernel: int, stride: int = 1, depthwise: bool = False, batch: int = 1
) -> Operation:
    """One convolution with "same" padding on a square picture of `size`, normalisation folded in."""
    out_size = size // stride
    per_output = kernel * kernel * (1 if depthwise else inputs)
    weights = outputs * per_output
    elements = batch * out_size * out_size * outputs
    return Operation(
        kind=OperationKind.DEPTHWISE if depthwise else OperationKind.CONVOLUTION,
        flops=2.0 * elements * per_output,
        size_bytes=float(_F32 * (batch * size * size * inputs + weights + elements)),
    )


def elementwise(elements: int, *, operands: int = 1) -> Operation:
    """An activation (one operand) or an addition (two)."""
    return Operation(
        kind=OperationKind.ELEMENTWISE, flops=float(elements), size_bytes=_F32 * elements * (operands + 1.0)
    )


def matmul(*, rows: int, inputs: int, outputs: int, copies: int = 1) -> Operation:
    """`copies` products of [rows, inputs] by [inputs, outputs]."""
    return Operation(
        kind=OperationKind.MATMUL,
        flops=2.0 * copies * rows * inputs * outputs,
        size_bytes=float(_F32 * copies * (rows * inputs + inputs * outputs + rows * outputs)),
    )


def mobilenet_v2(*, batch: int = 1) -> Workload:
    """MobileNetV2 at 224 x 224, one block per stage: 0.6 GFLOP per picture."""
    size, channels = 112, 32
    blocks: list[tuple[Operation, ...]] = [
        (
            convolution(size=224, inputs=3, outputs=32, kernel=3, stride=2, batch=batch),
            elementwise(batch * size * size * channels),
        )
    ]
    for expansion, outputs, repeats, first_stride in MOBILENET_V2_STAGES:
        operations: list[Operation] = []
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            hidden = channels * expansion
            if expansion > 1:
                operations.append(convolution(size=size, inputs=channels, outputs=hidden, kernel=1, batch=batch))
                operations.append(elementwise(batch * size * size * hidden))
            operations.append(
                convolution(
                    size=size, inputs=hidden, outputs=hidden, kernel=3, stride=stride, depthwise=True, batch=batch
                )
            )
            size //= stride
            operations.append(elementwise(batch * size * size * hidden))
            operations.append(convolution(size=size, inputs=hidden, outputs=outputs, kernel=1, batch=batch))
            if repeat > 0:
                operations.append(elementwise(batch * size * size * outputs, operands=2))
            channels = outputs
        blocks.append(tuple(operations))
    pooled = Operation(
        kind=OperationKind.REDUCTION, flops=batch * size * size * 1280.0, size_bytes=_F32 * batch * size * size * 1280.0
    )
    blocks.append(
        (
            convolution(size=size, inputs=channels, outputs=1280, kernel=1, batch=batch),
            elementwise(batch * size * size * 1280),
            pooled,
            matmul(rows=batch, inputs=1280, outputs=1000),
        )
    )
    return Workload(blocks=tuple(blocks))


def vit_small() -> Workload:
    """ViT-S/16 at 224 x 224, one block per layer: 9.2 GFLOP."""
    tokens, width, heads, layers = 197, 384, 6, 12
    norm = Operation(
        kind=OperationKind.NORMALISATION, flops=8.0 * tokens * width, size_bytes=_F32 * 2.0 * tokens * width
    )
    softmax = Operation(
        kind=OperationKind.NORMALISATION,
        flops=8.0 * heads * tokens * tokens,
        size_bytes=_F32 * 2.0 * heads * tokens * tokens,
    )
    layer = (
        norm,
        matmul(rows=tokens, inputs=width, outputs=3 * width),
        matmul(rows=tokens, inputs=width // heads, outputs=tokens, copies=heads),
        softmax,
        matmul(rows=tokens, inputs=tokens, outputs=width // heads, copies=heads),
        matmul(rows=tokens, inputs=width, outputs=width),
        elementwise(tokens * width, operands=2),
        norm,
        matmul(rows=tokens, inputs=width, outputs=4 * width),
        elementwise(4 * tokens * width),
        matmul(rows=tokens, inputs=4 * width, outputs=width),
        elementwise(tokens * width, operands=2),
    )
    patches = convolution(size=14, inputs=3 * 16 * 16, outputs=width, kernel=1)
    return Workload(
        blocks=((patches,), *(layer for _ in range(layers)), (norm, matmul(rows=1, inputs=width, outputs=1000)))
    )


def stream(*, size_bytes: float) -> Workload:
    """Passes over `size_bytes` in all that compute next to nothing, like the decoding of a language model."""
    passes = 64
    one = Operation(kind=OperationKind.COPY, flops=0.0, size_bytes=size_bytes / passes)
    return Workload(blocks=((one,) * passes,))


def gemm(size: int) -> Workload:
    """One square matrix product: bound by arithmetic."""
    return Workload(blocks=((matmul(rows=size, inputs=size, outputs=size),),))


def convolutions(*, count: int, flops: float, size_bytes: float) -> Workload:
    """Equal convolutions with given totals."""
    one = Operation(kind=OperationKind.CONVOLUTION, flops=flops / count, size_bytes=size_bytes / count)
    return Workload(blocks=((one,) * count,))
