"""The service's place for an edge-agent's socket, and a user's own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_proto.usual_address import place_to_listen, place_to_reach, prepared_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host whose service folder is made by a service, or not."""

    run: Path
    own: Path

    @property
    def usual(self) -> str:
        """Where the service listens."""
        return f"unix:{self.run}/joulecut/edge.sock"

    @property
    def owned(self) -> str:
        """Where a user's agent listens."""
        return f"unix:{self.own}/joulecut/edge.sock"

    @property
    def environment(self) -> dict[str, str]:
        """Of a user who is logged in."""
        return {"XDG_RUNTIME_DIR": str(self.own)}


@pytest.fixture(name="host")
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The user may write to everything but `run`, whoever runs this test."""
    host = Host(run=tmp_path / "run", own=tmp_path / "user")
    for folder in (host.run, host.own):
        folder.mkdir()

    def access(path: Path, mode: int) -> bool:
        assert mode == os.W_OK | os.X_OK
        return host.run not in (path, *path.parents)

    monkeypatch.setattr(os, "access", access)
    return host


@pytest.fixture(name="listening")
def _listening() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def listen(opened: ExitStack, address: str) -> None:
    """Somebody does, for as long as the test lasts."""
    path = Path(address.removeprefix("unix:"))
    path.parent.mkdir(exist_ok=True)
    holder = opened.enter_context(socket.socket(socket.AF_UNIX))
    holder.bind(str(path))
    holder.listen(1)


def test_a_user_who_may_not_listen_in_the_services_folder_has_an_own_place(host: Host) -> None:
    """Whether that folder is missing or somebody else's; the user's folder is made, for nobody else to look into."""
    for _ in range(2):
        place = prepared_place(host.usual, usual=host.usual, environment=host.environment)
        assert place == host.owned
        assert (host.own / "joulecut").stat().st_mode & 0o777 == 0o700
        (host.run / "joulecut").mkdir(exist_ok=True)


def test_asking_makes_nothing(host: Host) -> None:
    """Where an agent would listen can be told without leaving a folder behind."""
    assert place_to_listen(host.usual, usual=host.usual, environment=host.environment) == host.owned
    assert not (host.own / "joulecut").exists()


def test_whoever_may_listens_in_the_usual_place(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service, root, and a user to whom the folder was given keep what documents and units name."""
    monkeypatch.setattr(os, "access", lambda *_: True)
    assert prepared_place(host.usual, usual=host.usual, environment=host.environment) == host.usual
    assert not (host.own / "joulecut").exists()


@pytest.mark.parametrize("folder", ["", "relative", "/nowhere/at/all"])
def test_without_a_folder_of_the_login_nothing_changes(host: Host, folder: str) -> None:
    """A service or a container has none; what then is said is the address that was asked for."""
    environment = {"XDG_RUNTIME_DIR": folder}
    assert prepared_place(host.usual, usual=host.usual, environment=environment) == host.usual
    assert place_to_reach(host.usual, usual=host.usual, environment=environment) == host.usual


def test_a_place_that_somebody_chose_is_kept(host: Host, listening: ExitStack) -> None:
    """Only the usual place has another."""
    listen(listening, host.owned)
    for chosen in (f"unix:{host.run}/other.sock", "127.0.0.1:7000"):
        assert prepared_place(chosen, usual=host.usual, environment=host.environment) == chosen
        assert place_to_reach(chosen, usual=host.usual, environment=host.environment) == chosen


def test_a_folder_that_cannot_be_made_is_an_error(host: Host) -> None:
    """With what to do about it."""
    (host.own / "joulecut").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"joulecut cannot be made: File exists; choose another path with --listen"):
        prepared_place(host.usual, usual=host.usual, environment=host.environment)


def test_applications_look_in_the_users_place_second(host: Host, listening: ExitStack) -> None:
    """Nobody anywhere: the usual place, for its error; a user's agent is found; a service comes before it."""

    def place() -> str:
        return place_to_reach(host.usual, usual=host.usual, environment=host.environment)

    assert place() == host.usual
    listen(listening, host.owned)
    assert place() == host.owned
    listen(listening, host.usual)
    assert place() == host.usual


def test_a_socket_that_nobody_serves_any_more_is_passed_over(host: Host, listening: ExitStack) -> None:
    """What a killed agent left in the usual place does not hide the user's."""
    with ExitStack() as killed:
        listen(killed, host.usual)
    listen(listening, host.owned)
    assert place_to_reach(host.usual, usual=host.usual, environment=host.environment) == host.owned
