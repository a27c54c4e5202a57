"""The ClockAuthority contract over this process and over the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.book import LeaseBook
from joulecut_runtime.devices.hardware.clockd_authority import ClockdAuthority
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority
from tests.contracts.authority_suite import AuthoritySuite, AuthorityUnderTest
from tests.runtime.clockd.daemons import serving
from tests.runtime.clockd.file_board import FileBoard, file_boards


class TestLocalAuthority(AuthoritySuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> Iterator[AuthorityUnderTest]:
        board, other = FileBoard.make(tmp_path / "a"), FileBoard.make(tmp_path / "b")
        mine, theirs = (LocalAuthority(LeaseBook(tmp_path, file_boards)) for _ in range(2))
        with closing(mine), closing(theirs):
            yield AuthorityUnderTest(authority=mine, rival=theirs, board=board, other=other)


class TestClockdAuthority(AuthoritySuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> Iterator[AuthorityUnderTest]:
        board, other = FileBoard.make(tmp_path / "a"), FileBoard.make(tmp_path / "b")
        mine, theirs = (ClockdAuthority(tmp_path / "sock") for _ in range(2))
        with serving(tmp_path, now_s=ManualClock().now_s), closing(mine), closing(theirs):
            yield AuthorityUnderTest(authority=mine, rival=theirs, board=board, other=other)


class TestAuthoritiesOfBothKinds(AuthoritySuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> Iterator[AuthorityUnderTest]:
        board, other = FileBoard.make(tmp_path / "a"), FileBoard.make(tmp_path / "b")
        with serving(tmp_path, now_s=ManualClock().now_s):
            mine = LocalAuthority(LeaseBook(tmp_path, file_boards))
            with closing(mine), closing(ClockdAuthority(tmp_path / "sock")) as theirs:
                yield AuthorityUnderTest(authority=mine, rival=theirs, board=board, other=other)
