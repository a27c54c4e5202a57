"""Small networks that together call every operator a network may consist of, and what people build of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

Build = Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]


class Calling(nn.Module):
    """A function as a network, behind a layer whose weights make its input depend on something."""

    def __init__(self, function: Callable[..., Sequence[Tensor]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.function(*tensors))


def _arithmetic(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    positive = x.abs() + 0.1
    sums = [x + y, x - y, x * y, x / positive, 1 - x, -x, x + 1, torch.addcmul(x, y, y, value=0.5)]
    clamped = [x.clamp(-1, 1), x.clamp(y, y + 1), x.clamp_min(0), x.clamp_max(0.5), torch.maximum(x, y)]
    rounded = [x.ceil(), x.floor(), x.round(), x.trunc(), x.sign(), x // 2, x % 2, torch.minimum(x, y)]
    roots = [positive.sqrt(), positive.rsqrt(), positive.reciprocal(), torch.addcdiv(x, y, positive)]
    return [*sums, *clamped, *rounded, *roots, torch.lerp(x, y, 0.3), torch.nan_to_num(x)]


def _activations(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    pieces: list[Callable[[Tensor], Tensor]] = [functional.relu, functional.relu6, functional.leaky_relu]
    pieces += [functional.hardswish, functional.hardsigmoid]
    smooth: list[Callable[[Tensor], Tensor]] = [functional.elu, functional.gelu, functional.mish, functional.silu]
    smooth += [functional.softplus, functional.glu]
    more: list[Callable[[Tensor], Tensor]] = [functional.logsigmoid, functional.celu, functional.selu]
    more += [functional.softsign, torch.tanh, torch.sigmoid, functional.hardtanh, functional.softshrink]
    more += [partial(functional.threshold, threshold=0.1, value=0.0)]
    parametric = functional.prelu(x, torch.tensor([0.2]))
    return [parametric, y * 2, *(function(x) for function in (*pieces, *smooth, *more))]


def _functions(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    inside, positive = x.tanh() * 0.9, x.abs() + 0.5
    waves = [x.sin(), x.cos(), inside.tan(), inside.asin(), inside.acos(), x.atan(), torch.atan2(x, positive)]
    powers = [x**2, 2**x, positive**y, x.exp(), torch.exp2(x), torch.expm1(x), torch.logit(x.sigmoid())]
    logarithms = [positive.log(), positive.log2(), positive.log10(), torch.log1p(positive)]
    return [*waves, *powers, *logarithms, torch.sinh(x), torch.cosh(x), torch.erf(x)]


def _choices(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    by_number = [x > 0, x >= 0, x < 0, x <= 0, x == 0, x != 0]
    by_tensor = [x > y, x >= y, x < y, x <= y, x == y, x != y]
    first, second, *_ = by_number
    logic = [torch.logical_and(first, second), torch.logical_or(first, second), torch.logical_xor(first, second)]
    bits = [first & by_tensor[0], first | by_tensor[2], first ^ second, ~first, torch.logical_not(first)]
    filled = [x.masked_fill(first, -1e9), x.masked_fill(first, torch.tensor(3.0)), torch.where(first, x, y)]
    numbers = [torch.where(first, x, 0.0), torch.where(first, 0.0, x)]
    tests = [x.isnan(), x.isinf(), first.any(), first.all(), first.any(1), first.all(1)]
    return [*by_number, *by_tensor, *logic, *bits, *filled, *numbers, *tests]


def _reductions(x: Tensor) -> Sequence[Tensor]:
    whole = [x.sum(), x.mean(), x.max(), x.min()]
    along = [x.sum(1), x.mean(1), x.amax(1), x.amin(1), x.prod(1), x.std(1), x.var(1), x.logsumexp(1)]
    found = [*x.max(1), *x.min(1), *x.topk(2), *x.sort(1), x.argmax(1), x.argmin(1), x.argsort(1)]
    running = [x.cumsum(1), x.cumprod(1), x.norm(dim=1), functional.softmax(x, 1), functional.log_softmax(x, 1)]
    return [*whole, *along, *found, *running, *torch.var_mean(x, 1)]


def _moves(x: Tensor, indices: Tensor) -> Sequence[Tensor]:
    looked_up = [x.gather(1, indices), x[:, indices[0]], x.index_select(1, torch.tensor([2, 0]))]
    repeated = [x.repeat(1, 2), x.repeat_interleave(2, 1), x.roll(1, 1), x.flip(1), torch.stack([x, x], 1)]
    cut = [x.tril(), x.triu(1), x.diagonal(), x.unfold(1, 2, 2), x.expand(2, *x.shape).clone(), x.squeeze()]
    written, placed = x.clone(), x.clone()
    written[:, 1:3] = 2 * x[:, :2]
    written[:, 0] = 1.0
    placed[:, torch.tensor([0, 2])] = 5.0
    scattered = [torch.zeros_like(x).scatter(1, indices, x), x.scatter(1, indices, 7.0)]
    joined = torch.cat([x.t().contiguous(), x.permute(1, 0).reshape(x.shape[1], -1)], 1).double()
    return [*looked_up, *repeated, *cut, written, placed, *scattered, joined, functional.pad(x, (1, 0)).unsqueeze(0)]


def _products(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    flat = x[0]
    matrices = [torch.bmm(x, y), torch.baddbmm(x @ y, x, y, beta=0.5), flat @ y[0], torch.mm(flat, y[0])]
    vectors = [torch.mv(flat, y[0, :, 0]), torch.addmm(flat @ y[0], flat, y[0]), functional.linear(x, y[0].t())]
    by_letters = [torch.einsum("bij,bjk->bik", x, y), torch.einsum("bij,bij->bi", x, x), torch.cdist(x, x)]
    attended = functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    return [*matrices, *vectors, *by_letters, attended, functional.bilinear(flat, flat, torch.ones(2, 4, 4))]


def _pictures(x: Tensor) -> Sequence[Tensor]:
    sizes = {"nearest": None, "nearest-exact": None, "bilinear": False, "bicubic": True}
    grown = [functional.interpolate(x, scale_factor=2.0, mode=mode, align_corners=at) for mode, at in sizes.items()]
    shrunk = [functional.interpolate(x, size=(3, 5), mode=mode, antialias=True) for mode in ("bilinear", "bicubic")]
    pooled = [functional.avg_pool2d(x, 2), functional.max_pool2d(x, 2), functional.adaptive_avg_pool2d(x, 3)]
    pooled += [functional.adaptive_max_pool2d(x, 3), *functional.max_pool2d(x, 2, return_indices=True)]
    windows = functional.unfold(x, 2, stride=2)
    shuffled = [functional.pixel_shuffle(x, 2), functional.pixel_unshuffle(x, 2), functional.channel_shuffle(x, 2)]
    grid = functional.affine_grid(torch.eye(2, 3)[None], [1, 4, 6, 6], align_corners=False)
    sampled = functional.grid_sample(x, grid + 0.1 * x[:, :2].permute(0, 2, 3, 1), align_corners=False)
    return [*grown, *shrunk, *pooled, windows, functional.fold(windows, x.shape[2:], 2, stride=2), *shuffled, sampled]


def _lines_and_solids(line: Tensor, solid: Tensor) -> Sequence[Tensor]:
    grow = partial(functional.interpolate, scale_factor=2.0)
    lines = [grow(line), grow(line, mode="nearest-exact"), grow(line, mode="linear")]
    solids = [grow(solid), grow(solid, mode="nearest-exact"), grow(solid, mode="trilinear")]
    lines += [functional.avg_pool1d(line, 2), functional.max_pool1d(line, 2), functional.adaptive_avg_pool1d(line, 3)]
    solids += [
        functional.avg_pool3d(solid, 2),
        functional.max_pool3d(solid, 2),
        functional.adaptive_avg_pool3d(solid, 1),
    ]
    return [*lines, *solids, functional.adaptive_max_pool1d(line, 3), functional.adaptive_max_pool3d(solid, 1)]


class Filters(nn.Module):
    """Convolutions of every number of dimensions and both directions, and every normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Sequential(nn.Conv1d(4, 8, 3, padding="same"), nn.BatchNorm1d(8), nn.ConvTranspose1d(8, 4, 2, 2))
        self.picture = nn.Sequential(nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8), nn.ConvTranspose2d(8, 4, 3))
        self.solid = nn.Sequential(nn.Conv3d(4, 8, 1), nn.InstanceNorm3d(8, affine=True), nn.ConvTranspose3d(8, 4, 2))
        self.norms = nn.Sequential(nn.LayerNorm(6), nn.RMSNorm(6), nn.InstanceNorm2d(4), nn.BatchNorm2d(4))

    def forward(self, line: Tensor, picture: Tensor, solid: Tensor) -> dict[str, Tensor]:
        return {"line": self.line(line), "picture": self.norms(self.picture(picture)), "solid": self.solid(solid)}


class Recurrent(nn.Module):
    """Layers that remember, over a sequence of pictures' features."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, num_layers=2, bidirectional=True, batch_first=True, dropout=0.1)
        self.projecting = nn.LSTM(12, 6, proj_size=3, batch_first=True)
        self.gru = nn.GRU(12, 5, batch_first=True)
        self.tanh = nn.RNN(5, 3, batch_first=True, bias=False)
        self.relu = nn.RNN(5, 3, nonlinearity="relu")

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        outputs, (state, cells) = self.lstm(frames)
        seen, last = self.gru(outputs)
        return *self.tanh(seen), *self.relu(seen.transpose(0, 1)), state, cells, last, self.projecting(outputs)[0]


class Attending(nn.Module):
    """Words looked up, then attention as torch has it: with weights and without, masked and causal."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8, padding_idx=0)
        self.bags = nn.EmbeddingBag(20, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
        self.decoder = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)

    def forward(self, tokens: Tensor) -> tuple[Tensor | None, ...]:
        words = self.words(tokens)
        attended, weights = self.attention(words, words, words, key_padding_mask=tokens == 0)
        causal = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        quiet, none = self.attention(attended, words, words, attn_mask=causal, need_weights=False)
        kinds = functional.one_hot(tokens, 20).float()
        encoded = self.encoder(quiet, mask=causal, is_causal=True)
        return weights, none, self.decoder(encoded, words) + self.bags(tokens).unsqueeze(1), kinds


def _calling(function: Callable[..., Sequence[Tensor]], *shapes: tuple[int, ...]) -> Build:
    return lambda: (Calling(function), tuple(torch.randn(shape) for shape in shapes))


NETWORKS: Mapping[str, Build] = {
    "arithmetic": _calling(_arithmetic, (2, 8), (2, 8)),
    "activations": _calling(_activations, (2, 8), (2, 8)),
    "functions": _calling(_functions, (2, 8), (2, 8)),
    "choices": _calling(_choices, (2, 8), (2, 8)),
    "reductions": _calling(_reductions, (2, 8)),
    "moves": lambda: (Calling(_moves), (torch.randn(3, 4), torch.tensor([[0, 2, 1]] * 3))),
    "products": _calling(_products, (1, 4, 4), (1, 4, 3)),
    "pictures": _calling(_pictures, (1, 4, 6, 6)),
    "lines and solids": _calling(_lines_and_solids, (1, 4, 6), (1, 4, 4, 4, 4)),
    "filters": lambda: (Filters(), (torch.randn(1, 4, 6), torch.randn(1, 4, 6, 6), torch.randn(1, 4, 4, 4, 4))),
    "recurrent": lambda: (Recurrent(), (torch.randn(1, 5, 4),)),
    "attending": lambda: (Attending(), (torch.tensor([[3, 7, 9, 4, 0, 0]]),)),
}
"""By what they are of."""


def build(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A network in evaluation mode, random weights from a fixed seed, and inputs for it."""
    torch.manual_seed(3)
    module, inputs = NETWORKS[name]()
    return module.eval(), inputs
