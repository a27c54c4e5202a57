"""From what a user names on a command line, a factory, weights and input shapes, to a captured graph."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor, nn

from joulecut_core.decoding import show
from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.graph import Graph

_DTYPES = {
    "bool": torch.bool,
    "u8": torch.uint8,
    "i8": torch.int8,
    "i16": torch.int16,
    "i32": torch.int32,
    "i64": torch.int64,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "f32": torch.float32,
    "f64": torch.float64,
}
_INPUT = re.compile(r"(?:(?P<dtype>[a-z0-9]+):)?(?P<shape>[1-9][0-9]{0,8}(?:x[1-9][0-9]{0,8}){0,7})")
_MAX_INPUT_BYTES = 2**30
_SEED = 0
_MISMATCH = "; torch and torchvision are of different builds: install both from the same package index"
_PICKLED = frozenset({".pth", ".pt"})


def capture_factory(
    reference: str, inputs: Sequence[str], *, weights: Path | None = None, name: str | None = None, fold: bool = True
) -> Graph:
    """The graph of the module that the factory `reference` ("package.module:factory") returns.

    `inputs` are texts as `parse_input` takes them, one per tensor. Raises ConfigError where something
    named does not exist or fit, CaptureError where the module cannot be captured.
    """
    examples = [parse_input(text) for text in inputs]
    if not examples:
        raise ConfigError("no --input; give one per tensor the network takes, for example --input u8:1x3x224x224")
    module = build_module(reference)
    if weights is not None:
        load_weights(module, weights)
    return capture(module, examples, name=name or reference.partition(":")[2], fold=fold)


def parse_input(text: str) -> Tensor:
    """An example tensor, all zero, from "dtype:AxBxC"; f32 where no type is given. Raises ConfigError."""
    match = _INPUT.fullmatch(text.strip())
    dtype = None if match is None else _DTYPES.get(match["dtype"] or "f32")
    if match is None or dtype is None:
        raise ConfigError(
            f"input {show(text)}; expected dtype:AxBxC with a dtype of {', '.join(_DTYPES)}, for example u8:1x3x224x224"
        )
    shape = [int(size) for size in match["shape"].split("x")]
    size_bytes = torch.empty(shape, dtype=dtype, device="meta").nbytes
    if size_bytes > _MAX_INPUT_BYTES:
        raise ConfigError(f"input {show(text)} takes {size_bytes} bytes; expected at most {_MAX_INPUT_BYTES}")
    return torch.zeros(shape, dtype=dtype)


def build_module(reference: str) -> nn.Module:
    """The module that "package.module:name" names: a module, or what a class or function of that name returns.

    Looked for in the working folder too. Weights that it draws at random are drawn from a fixed seed, so that the same
    code is the same network with the same profiles. Raises ConfigError.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return _built(reference)


def _built(reference: str) -> nn.Module:
    module_name, _, factory_name = reference.partition(":")
    if not module_name or not factory_name:
        raise ConfigError(f"{show(reference)} names no factory; expected package.module:factory")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        namespace = importlib.import_module(module_name)
    except Exception as cause:  # the user's module may raise anything while it is imported
        remedy = _where_to_look(module_name, cause)
        raise ConfigError(f"module {module_name!r} cannot be imported: {_line(cause)}{remedy}") from cause
    factory = getattr(namespace, factory_name, None)
    if isinstance(factory, nn.Module):
        return factory
    if not callable(factory):
        close = get_close_matches(
            factory_name, [name for name, value in vars(namespace).items() if callable(value)], n=1
        )
        raise ConfigError(
            f"module {module_name!r} has no network {factory_name!r}; expected package.module:factory, the name of a "
            "module, a class or a function without arguments" + "".join(f"; did you mean {name!r}?" for name in close)
        )
    # Importing the module may have drawn numbers, and is done once.
    torch.manual_seed(_SEED)
    try:
        module = factory()
    except JoulecutError:
        raise
    except Exception as cause:  # the user's factory may raise anything
        remedy = "; expected a class or function without arguments: write one that gives them" * _lacks_arguments(cause)
        raise ConfigError(f"{reference}() failed: {_line(cause)}{remedy}") from cause
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{reference}() gives {type(module).__name__}; expected a torch.nn.Module")
    return module


def _where_to_look(module_name: str, cause: Exception) -> str:
    """What to do about a module that is not there; nothing where it is, and what it imports is not."""
    if module_name.endswith(".py") or "/" in module_name:
        dotted = module_name.removeprefix("./").removesuffix(".py").replace("/", ".")
        return f"; expected a module's name, not its file's: try {dotted}:..., from the folder where it lies"
    if isinstance(cause, ModuleNotFoundError) and cause.name and f"{module_name}.".startswith(f"{cause.name}."):
        return f"; it is looked for in {Path.cwd()} and where Python looks: check the name, or change the folder"
    return ""


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a state dict into `module`: safetensors, or .pth and .pt without running any code from them.

    Raises ConfigError where the file is missing, damaged or for another network.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such weights file; expected .safetensors, .pth or .pt")
    try:
        module.load_state_dict(_read_state(path))
    except ConfigError:
        raise
    except Exception as cause:  # readers of weights raise whatever their formats' libraries do
        raise ConfigError(f"{path}: cannot be loaded into {type(module).__name__}: {_line(cause)}") from cause


def _read_state(path: Path) -> Mapping[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file  # noqa: PLC0415 - of an extra

        return load_file(path)
    if path.suffix in _PICKLED:
        state: object = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, Mapping):
            return state
        raise ConfigError(f"{path}: holds {type(state).__name__}; expected a state dict")
    raise ConfigError(f"{path}: unknown format {path.suffix!r}; expected .safetensors, .pth or .pt")


def _lacks_arguments(cause: Exception) -> bool:
    return isinstance(cause, TypeError) and "missing" in str(cause) and "argument" in str(cause)


def _line(cause: Exception) -> str:
    text = " ".join(str(cause).split())
    remedy = _MISMATCH if "torchvision::" in text else ""
    return f"{type(cause).__name__}: {text or 'no reason given'}{remedy}"
