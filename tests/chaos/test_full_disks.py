"""Disks that fill up: a clear error, nothing lost, and work as before once there is room."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from joulecut_core.errors import LinkError
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.scenario import BACK_S, Pair, Setting, play_alone, with_pair
from tests.chaos.site import ChaosSite
from tests.chaos.small_disk import small_disk, why_no_small_disk

ROOM_BYTES = 1 << 40
NO_ROOM_BYTES = 0
PROFILE_ROOM_BYTES = 512
"""Less than a profile takes."""
ENDED = re.compile(r"^(error: .*|\w*Error: .*)$", re.MULTILINE)
"""The last word of a program that ends by an error."""
LOOK_S = 0.02


def test_a_server_that_cannot_note_an_epoch_gives_none(shared: Path, nursery: AgentNursery, tmp_path: Path) -> None:
    """An epoch that is not on disk could be given twice: no plan is made, the edge answers alone, and goes back."""

    async def scene(pair: Pair) -> None:
        before = max(ledger.epoch for ledger in await pair.stream(3))
        pair.proxy.swallow(new_too=True)
        pair.server.kill()
        await pair.server.start(largest_file_bytes=ROOM_BYTES)
        pair.server.limit_files(NO_ROOM_BYTES)
        pair.proxy.carry_new()
        pair.proxy.cut()
        ledgers = await pair.stream(30)
        assert {ledger.served_by for ledger in ledgers[-10:]} == {"edge"}
        assert pair.server.is_running
        pair.server.limit_files(ROOM_BYTES)
        assert await pair.splits_again() <= BACK_S
        assert (await pair.stream(1))[0].epoch > before
        assert "File too large" in pair.edge.text() + pair.server.text()
        assert "Traceback" not in pair.server.text()

    with_pair(shared, nursery, tmp_path, scene, Setting(seed=31))


def test_a_file_system_without_room(shared: Path, nursery: AgentNursery, tmp_path: Path) -> None:
    """The same on a real file system that is full, to its last byte: alone meanwhile, back as soon as there is room."""
    if reason := why_no_small_disk():
        pytest.skip(reason)
    state = tmp_path / "server.state"
    state.mkdir()

    async def scene(pair: Pair) -> None:
        before = max(ledger.epoch for ledger in await pair.stream(3))
        pair.server.kill()
        disk.fill()
        await pair.server.start()
        ledgers = await pair.stream(30)
        assert {ledger.served_by for ledger in ledgers[-10:]} == {"edge"}
        assert pair.server.is_running
        disk.clear()
        assert await pair.splits_again() <= BACK_S
        assert (await pair.stream(1))[0].epoch > before
        assert "No space left on device" in pair.edge.text() + pair.server.text()

    with small_disk(state) as disk:
        with_pair(shared, nursery, tmp_path, scene, Setting(seed=33))


def test_a_profile_that_cannot_be_kept_is_a_clear_error(shared: Path, nursery: AgentNursery, tmp_path: Path) -> None:
    """A first start that cannot keep what it measured says so in one line, leaves no half file, and starts later."""

    async def scene(site: ChaosSite) -> None:
        server = site.server()
        profiles = tmp_path / "profiles"
        server.arguments[server.arguments.index("--profiles") + 1] = str(profiles)
        with pytest.raises(LinkError, match="did not come up"):
            await server.start(largest_file_bytes=PROFILE_ROOM_BYTES)
        while not ENDED.search(server.text()):
            await asyncio.sleep(LOOK_S)
        assert "Traceback" not in server.text()
        assert "the profile cannot be kept: File too large" in server.text()
        assert not list(profiles.glob("*.json"))
        await server.start()

    play_alone(shared, nursery, tmp_path, scene)
