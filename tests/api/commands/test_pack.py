"""`joulecut pack` and `joulecut cuts`: a bundle and its cut table, and one clear line for each mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import save_file

from joulecut.commands.cuts import cuts
from joulecut.commands.pack import pack
from joulecut.networks.packing import parse_input
from joulecut_core.errors import ConfigError
from joulecut_core.programs import run_program
from joulecut_runtime.networks.network import Network
from tests.networks.small_modules import Skips

Command = Callable[..., tuple[int, str, str]]

SKIPS = "tests.networks.small_modules:skips"
INPUTS = ("--input", "1x3x8x8", "--input", "f32:1x5")


@pytest.fixture(name="joulecut")
def _joulecut(capsys: pytest.CaptureFixture[str]) -> Command:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(pack)
    app.command()(cuts)

    def run(*arguments: object) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        with pytest.raises(SystemExit) as ended:
            raise SystemExit(run_program(lambda: app([str(argument) for argument in arguments])))
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


def test_pack_and_cuts(tmp_path: Path, joulecut: Command) -> None:
    """What pack says it wrote is what loads; cuts shows the same from the bundle and from the factory."""
    folder = tmp_path / "bundle"
    code, out, _ = joulecut("pack", SKIPS, *INPUTS, "--out", folder, "--name", "small")
    table = Network.load(folder).table
    assert code == 0
    assert table.network == "small"
    assert table.digest in out
    assert f"{len(table.cuts)} cuts" in out
    listings = []
    for arguments in ((folder,), (SKIPS, *INPUTS)):
        code, out, _ = joulecut("cuts", *arguments, "--json")
        assert code == 0
        listings.append(json.loads(out))
    assert [listing["cuts"] for listing in listings] == [listings[0]["cuts"]] * 2
    assert listings[0]["digest"] == table.digest
    code, out, _ = joulecut("cuts", folder)
    assert code == 0
    assert "100.0 %" in out
    assert f"{table.blocks[0].flops / 1e6:.1f}" in out
    assert f"{table.blocks[0].size_bytes / 1e6:.2f}" in out


def test_fold_is_optional(tmp_path: Path, joulecut: Command) -> None:
    """Without folding the batch norm is still there."""
    for option, norms in (("--fold", 0), ("--no-fold", 1)):
        folder = tmp_path / option
        assert joulecut("pack", SKIPS, *INPUTS, "--out", folder, option)[0] == 0
        operators = [node.operator for node in Network.load(folder).graph.nodes]
        assert operators.count("aten.batch_norm.default") == norms


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights(tmp_path: Path, joulecut: Command, suffix: str) -> None:
    """Given weights replace the factory's, from either format."""
    torch.manual_seed(77)
    module = Skips().eval()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(module.state_dict(), path)
    else:
        save_file(module.state_dict(), path)
    assert joulecut("pack", SKIPS, *INPUTS, "--weights", path, "--out", tmp_path / "bundle", "--no-fold")[0] == 0
    inputs = (torch.ones(1, 3, 8, 8), torch.zeros(1, 5))
    with torch.no_grad():
        expected = module(*inputs)
    answer = Network.load(tmp_path / "bundle").whole(inputs)
    assert all(torch.equal(a, b) for a, b in zip(answer, expected, strict=True))


def test_weights_are_not_written_over(tmp_path: Path, joulecut: Command) -> None:
    """A bundle's own weights are folded, and no module takes them back."""
    weights = tmp_path / "weights.safetensors"
    save_file(Skips().eval().state_dict(), weights)
    before = weights.read_bytes()
    code, said, err = joulecut("pack", SKIPS, *INPUTS, "--weights", weights, "--out", tmp_path)
    assert (code, said, weights.read_bytes()) == (2, "", before)
    assert "its weights.safetensors is read as --weights; expected another folder" in err


class Payload:
    """Something that only unpickling could bring back."""


def test_weights_run_no_code(tmp_path: Path, joulecut: Command) -> None:
    """A .pth that holds more than tensors is refused, not unpickled."""
    path = tmp_path / "weights.pth"
    torch.save({"head.bias": Payload()}, path)
    code, _, error = joulecut("pack", SKIPS, *INPUTS, "--weights", path, "--out", tmp_path / "bundle")
    assert code == 2
    assert "cannot be loaded into Skips" in error
    assert not (tmp_path / "bundle").exists()


MISTAKES: list[tuple[tuple[str, ...], str]] = [
    (("nowhere:factory", *INPUTS), "module 'nowhere' cannot be imported"),
    (("tests.networks.small_modules:nothing", *INPUTS), "has no network 'nothing'"),
    (("tests.networks.small_modules", *INPUTS), "names no factory"),
    (("tests.networks.small_modules:broken", *INPUTS), "broken() failed: RuntimeError: no weights on this machine"),
    (("torch.nn:Linear", *INPUTS), "expected a class or function without arguments: write one that gives them"),
    (("tests.networks.small_modules:not_a_module", *INPUTS), "gives int; expected a torch.nn.Module"),
    ((SKIPS,), "no --input"),
    ((SKIPS, "--input", "1x3x8x8"), "cannot be traced"),
    ((SKIPS, "--input", "u9:1x3"), "input 'u9:1x3'; expected dtype:AxBxC"),
    ((SKIPS, *INPUTS, "--weights", "missing.safetensors"), "missing.safetensors: no such weights file"),
    ((SKIPS, *INPUTS, "--weights", "pyproject.toml"), "unknown format '.toml'"),
]


@pytest.mark.parametrize(("arguments", "complaint"), MISTAKES)
def test_mistakes(tmp_path: Path, joulecut: Command, arguments: tuple[str, ...], complaint: str) -> None:
    """Each mistake is one line with what is wrong and what was expected, and exit code 2."""
    code, _, error = joulecut("pack", *arguments, "--out", tmp_path / "bundle")
    assert code == 2
    assert complaint in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


def test_an_int8_variant(tmp_path: Path, joulecut: Command) -> None:
    """Scales beside the weights and another digest; kernels are counted, and what they were calibrated on is kept."""
    tiny = ("pack", "tests.integration.tiny_network:_Tiny", "--input", "u8:1x3x32x32", "--json")
    code, out, _ = joulecut(*tiny, "--out", tmp_path / "plain")
    plain = json.loads(out)
    assert (code, plain["int8_kernels"]) == (0, None)
    samples = tmp_path / "samples.npy"
    np.save(samples, np.random.default_rng(3).integers(0, 256, (12, 3, 32, 32), dtype=np.uint8))
    code, out, _ = joulecut(*tiny, "--out", tmp_path / "both", "--int8", samples)
    both = json.loads(out)
    assert code == 0
    assert both["int8_kernels"] > 0
    assert both["digest"] != plain["digest"]
    assert both["size_bytes"] > plain["size_bytes"]
    network = Network.load(tmp_path / "both")
    assert network.scales is not None
    assert network.scales.calibrated_on == "12 inputs of samples.npy"
    code, _, err = joulecut(*tiny, "--out", tmp_path / "both", "--int8", tmp_path / "missing.npy")
    assert code == 2
    assert "missing.npy: no inputs there; expected a file of numpy's ending in .npy or .npz" in err


def test_unwritable_folder(tmp_path: Path, joulecut: Command) -> None:
    """A folder that cannot be made is one line, too."""
    (tmp_path / "file").touch()
    code, _, error = joulecut("pack", SKIPS, *INPUTS, "--out", tmp_path / "file" / "bundle")
    assert code == 2
    assert "cannot be written" in error


def test_cuts_of_nothing(tmp_path: Path, joulecut: Command) -> None:
    """A folder that is no bundle, and a name that is neither folder nor factory."""
    code, _, error = joulecut("cuts", tmp_path)
    assert code == 2
    assert "manifest.json is missing" in error
    code, _, error = joulecut("cuts", "nowhere")
    assert code == 2
    assert "no such folder" in error


def test_inputs() -> None:
    """dtype:AxBxC, f32 where no type is given; absurd sizes are refused before they are allocated."""
    for text, dtype, shape in (
        ("u8:1x3x224x224", torch.uint8, (1, 3, 224, 224)),
        ("i64:1x16", torch.int64, (1, 16)),
        ("2x4", torch.float32, (2, 4)),
        ("bf16:7", torch.bfloat16, (7,)),
    ):
        tensor = parse_input(text)
        assert (tensor.dtype, tuple(tensor.shape)) == (dtype, shape)
    for text in ("", "u8:", "u8:0x3", "f32:1x-3", "f32:1,3", "f32:999999999x999999999"):
        with pytest.raises(ConfigError):
            parse_input(text)
