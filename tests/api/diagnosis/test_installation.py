"""What is said about versions, on full and on bare installations."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest
from packaging.requirements import Requirement

from joulecut.diagnosis.finding import Finding, Status
from joulecut.diagnosis.installation import examine_installation, installed_version
from joulecut_proto.contract import CONTRACT_VERSION

FULL = {
    "joulecut": "0.1.0",
    "torch": "2.8.0",
    "nvidia-ml-py": "13.0",
    "safetensors": "0.6",
    "pillow": "11.0",
    "grpcio": "1.80",
    "grpcio-health-checking": "1.80",
    "grpcio-reflection": "1.80",
    "protobuf": "6.32",
    "cryptography": "46.0",
    "zeroconf": "0.140",
    "ifaddr": "0.2",
    "platformdirs": "4.2",
    "python-json-logger": "4.0",
    "uvloop": "0.22",
    "xxhash": "3.6",
}


def findings(versions: dict[str, str]) -> dict[str, Finding]:
    """What an installation of exactly these distributions is told, by name."""
    return {finding.name: finding for finding in examine_installation(versions.get)}


def test_a_full_installation_is_in_order() -> None:
    """Every version is a fact under its distribution's name."""
    found = findings(FULL)
    assert {finding.status for finding in found.values()} == {Status.OK}
    facts = {key: value for finding in found.values() for key, value in finding.facts.items()}
    assert FULL.items() <= facts.items()
    assert facts["contract"] == CONTRACT_VERSION


def test_a_plain_installation_says_which_extra_is_missing() -> None:
    """Planning alone is a choice, not a fault: notes, each with the command that adds what is missing."""
    found = findings({"joulecut": "0.1.0"})
    for extra in ("torch", "runtime", "agents"):
        assert found[extra].status is Status.NOTE
        assert f"joulecut[{extra}]" in (found[extra].remedy or "")
    assert "grpcio" in found["agents"].what


@pytest.mark.parametrize(("extra", "contained"), [("torch", ()), ("runtime", ()), ("agents", ("runtime",))])
def test_all_that_an_extra_brings_is_looked_for(extra: str, contained: tuple[str, ...]) -> None:
    """What is left out would be in order without being there; an extra that contains another one leaves its to it."""
    found = findings(FULL)
    looked_for = set(found[extra].facts).union(*(found[each].facts for each in contained))
    assert looked_for == {
        each.name
        for each in map(Requirement, importlib.metadata.requires("joulecut") or ())
        if each.marker is not None and each.marker.evaluate({"extra": extra})
    }


@pytest.mark.parametrize(("version", "status"), [("11.5.3", Status.WARNING), ("13.0.1", Status.NOTE)])
def test_a_second_pynvml_is_named(version: str, status: Status) -> None:
    """Old releases of the distribution pynvml hide nvidia-ml-py's module of that name."""
    found = findings({**FULL, "pynvml": version})
    assert found["pynvml"].status is status
    assert "pip uninstall pynvml" in (found["pynvml"].remedy or "")


def test_jetson_stats_is_never_imported() -> None:
    """Importing it would change how this process starts others; its version comes from metadata."""
    assert findings({**FULL, "jetson-stats": "7.2.2"})["jetson-stats"].facts["jetson-stats"] == "7.2.2"
    assert "jtop" not in sys.modules


def test_versions_come_from_the_environment() -> None:
    """The default looks at what is really installed."""
    assert installed_version("typer")
    assert installed_version("a-distribution-that-is-not-there") is None
