"""What every ClockAuthority must do, whether this process or the daemon sets the clocks.

Derive a test class from `AuthoritySuite` and give it a fixture `under_test`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_runtime.devices.hardware.authority import ClockAuthority, ClockGrant
from tests.runtime.clockd.file_board import STOCK, FileBoard

LOW = OperatingPoint(core_mhz=306.0)
HIGH = OperatingPoint(core_mhz=1020.0, memory_mhz=3199.0)
UNLISTED = OperatingPoint(core_mhz=307.0)
AT_LOW = {"lowest_mhz": "306.0", "highest_mhz": "306.0", "memory_mhz": "free"}
AT_HIGH = {"lowest_mhz": "1020.0", "highest_mhz": "1020.0", "memory_mhz": "3199.0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityUnderTest:
    """An authority, another one of the same machine (as of a second agent), and two boards that they lend."""

    authority: ClockAuthority
    rival: ClockAuthority
    board: FileBoard
    other: FileBoard


class AuthoritySuite:
    """Tests of the ClockAuthority contract."""

    @pytest.fixture
    def under_test(self) -> AuthorityUnderTest:
        raise NotImplementedError("a suite needs a fixture that yields a fresh authority")

    @pytest.fixture
    def authority(self, under_test: AuthorityUnderTest) -> ClockAuthority:
        return under_test.authority

    @pytest.fixture
    def board(self, under_test: AuthorityUnderTest) -> FileBoard:
        return under_test.board

    def test_grant_sets_and_release_restores(self, authority: ClockAuthority, board: FileBoard) -> None:
        """A grant's clocks are on the board until its release, memory included."""
        grant = authority.grant(board.key, HIGH, holder="test")
        assert board.held() == AT_HIGH
        grant.release()
        assert board.held() == STOCK

    def test_move_and_what_was_before_is_still_known(self, authority: ClockAuthority, board: FileBoard) -> None:
        """Moves do not change what is restored."""
        grant = authority.grant(board.key, HIGH, holder="test")
        grant.move(LOW)
        assert board.held()["highest_mhz"] == "306.0"
        grant.release()
        assert board.held() == STOCK

    def test_unlisted_point_is_not_granted(self, authority: ClockAuthority, board: FileBoard) -> None:
        """A refused point leaves the board as it was, and free."""
        with pytest.raises(ClockError, match="307"):
            authority.grant(board.key, UNLISTED, holder="test")
        assert board.held() == STOCK
        authority.grant(board.key, LOW, holder="test").release()

    def test_refused_move_keeps_the_grant(self, authority: ClockAuthority, board: FileBoard) -> None:
        """A holder that asks for too much keeps what it has."""
        grant = authority.grant(board.key, LOW, holder="test")
        with pytest.raises(ClockError, match="307"):
            grant.move(UNLISTED)
        assert board.held() == AT_LOW
        grant.move(HIGH)
        grant.release()

    def test_second_grant_is_refused_and_names_the_holder(self, under_test: AuthorityUnderTest) -> None:
        """One board, one holder: refused within an authority and across authorities, until it is released."""
        board = under_test.board
        grant = under_test.authority.grant(board.key, LOW, holder="first")
        with pytest.raises(LeaseError, match="first"):
            under_test.authority.grant(board.key, HIGH, holder="second")
        with pytest.raises(LeaseError, match="held by"):
            under_test.rival.grant(board.key, HIGH, holder="second")
        assert board.held() == AT_LOW
        grant.release()
        under_test.rival.grant(board.key, HIGH, holder="second").release()
        assert board.held() == STOCK

    def test_boards_are_independent(self, under_test: AuthorityUnderTest) -> None:
        """Holding one board does not hold another."""
        first = under_test.authority.grant(under_test.board.key, LOW, holder="first")
        second = under_test.rival.grant(under_test.other.key, HIGH, holder="second")
        first.release()
        assert under_test.other.held() == AT_HIGH
        second.release()

    def test_release_twice(self, under_test: AuthorityUnderTest) -> None:
        """A second release does nothing, not even to the next holder."""
        grant = under_test.authority.grant(under_test.board.key, LOW, holder="first")
        grant.release()
        following = under_test.authority.grant(under_test.board.key, HIGH, holder="second")
        grant.release()
        assert under_test.board.held() == AT_HIGH
        following.release()

    def test_released_grant_moves_no_more(self, authority: ClockAuthority, board: FileBoard) -> None:
        """What somebody kept of a grant has no power once it is released."""
        grant = authority.grant(board.key, LOW, holder="test")
        grant.release()
        with pytest.raises(LeaseError):
            grant.move(HIGH)
        assert board.held() == STOCK

    def test_unknown_board_is_refused_with_the_known_ones(self, under_test: AuthorityUnderTest) -> None:
        """A typing mistake is answered with what there is."""
        with pytest.raises(DeviceError, match=under_test.board.key):
            under_test.authority.grant("file:nowhere", LOW, holder="test")

    def test_vanished_board_is_owed_its_restore(self, authority: ClockAuthority, board: FileBoard) -> None:
        """A board that is gone at the release is said so, and restored before anybody else gets it."""
        grant = authority.grant(board.key, LOW, holder="test")
        (board.folder / "gone").touch()
        with pytest.raises(DeviceError, match="gone"):
            grant.release()
        with pytest.raises(DeviceError, match="gone"):
            authority.grant(board.key, HIGH, holder="test")
        (board.folder / "gone").unlink()
        following = authority.grant(board.key, HIGH, holder="test")
        following.release()
        assert board.held() == STOCK

    def test_close_releases_everything(self, under_test: AuthorityUnderTest) -> None:
        """Whoever closes its authority leaves no clock behind, and may close it again."""
        under_test.authority.grant(under_test.board.key, LOW, holder="test")
        under_test.authority.grant(under_test.other.key, LOW, holder="test")
        under_test.authority.close()
        under_test.authority.close()
        assert under_test.board.held() == STOCK
        assert under_test.other.held() == STOCK

    def test_of_many_threads_one_gets_the_board(self, under_test: AuthorityUnderTest) -> None:
        """A race is decided once, whatever the threads of whichever authority."""
        granted: list[ClockGrant] = []
        refused: list[LeaseError] = []
        start = threading.Barrier(8)

        def ask(authority: ClockAuthority) -> None:
            start.wait()
            try:
                granted.append(authority.grant(under_test.board.key, LOW, holder="test"))
            except LeaseError as error:
                refused.append(error)

        asking = [under_test.authority, under_test.rival] * 4
        threads = [threading.Thread(target=ask, args=(authority,)) for authority in asking]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(granted), len(refused)) == (1, 7)
        granted[0].release()
        assert under_test.board.held() == STOCK
