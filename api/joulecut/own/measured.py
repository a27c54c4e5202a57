"""What was measured of one network, read from its files: two profiles and its wires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.decoding import show
from joulecut_core.documents import read_json
from joulecut_core.errors import ProfileError
from joulecut_core.profiles import PROFILE_SCHEMA, Profile, load_profile
from joulecut_core.wires import WIRES_SCHEMA, WireTable, load_wires

_DIGEST_SHOWN = 19
"""Letters of a digest that tell networks apart: "sha256:" and twelve digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Profiles of both sides and the wires between them, of one network."""

    edge: Profile
    server: Profile
    wires: WireTable


def read_measured(edge: Path, server: Path, wires: Path) -> Measured:
    """The measurements in the files that `joulecut profile` wrote.

    `wires`: a table of `joulecut profile --wires-out`, or the folder of the network's bundle: only what loses
    nothing is then offered. Raises ProfileError naming the file that is missing, damaged, of the other side or of
    another network, and what to do; BundleError where a folder is no bundle.
    """
    profiles = {side: _profile(path, side) for side, path in (("edge", edge), ("server", server))}
    own, other = profiles["edge"], profiles["server"]
    if other.key.network_digest != own.key.network_digest:
        raise ProfileError(
            f"{server}: of {_network(other.network, other.key.network_digest)}; expected that of {edge}, "
            f"{_network(own.network, own.key.network_digest)}: profile the same bundle on both sides"
        )
    table = _wires(wires)
    if table.network_digest != own.key.network_digest:
        raise ProfileError(
            f"{wires}: of {_network(table.network, table.network_digest)}; expected that of both profiles, "
            f"{_network(own.network, own.key.network_digest)}: give that network's bundle, or measure its wires with "
            "`joulecut profile BUNDLE --wires-out FILE`"
        )
    return Measured(edge=own, server=other, wires=table)


def _profile(path: Path, side: str) -> Profile:
    _check_kind(path, PROFILE_SCHEMA, f"`joulecut profile BUNDLE --side {side} --out FILE` writes one")
    found = load_profile(path)
    if found.key.side != side:
        raise ProfileError(
            f"{path}: a profile of the {found.key.side}'s side; expected the {side}'s: give EDGE before SERVER, or "
            f"make it with `joulecut profile BUNDLE --side {side} --out FILE`"
        )
    return found


def _wires(path: Path) -> WireTable:
    if not path.is_dir():
        _check_kind(path, WIRES_SCHEMA, "`joulecut profile BUNDLE --wires-out FILE` writes one")
        return load_wires(path)
    from joulecut_runtime.networks.network import Network  # noqa: PLC0415 - torch takes seconds; a table needs none
    from joulecut_runtime.wires.measurement import lossless_wires  # noqa: PLC0415

    return lossless_wires(Network.load(path).table)


def _check_kind(path: Path, schema: str, remedy: str) -> None:
    """Refuse another kind of file by its name: complaints about its fields would mislead."""
    document = read_json(path, ProfileError)
    said = document.get("schema", schema) if isinstance(document, Mapping) else None
    if said != schema:
        raise ProfileError(f"{path}: schema: {show(said)}; expected {schema!r}: {remedy}")


def _network(name: str, digest: str) -> str:
    return f"{name} ({digest[:_DIGEST_SHOWN]})"
