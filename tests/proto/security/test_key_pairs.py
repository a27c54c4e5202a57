"""What is said of certificates by this host's clock."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pytest

from joulecut_proto.security import key_pairs
from joulecut_proto.security.key_pairs import read_key_pair, wrong_dates
from tests.fakes.certificates import TestAuthority


@pytest.mark.parametrize("year", [1970, 2100])
def test_words_are_the_same_all_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: int) -> None:
    """An edge whose clock is wrong tries for days; a log tells a reason when it changes, so not each minute."""
    edge = TestAuthority(tmp_path).issue("edge", "camera")
    leaf = read_key_pair(edge.certificate, edge.key).leaf
    moments = [dt.datetime(year, 1, 1, hour, 7 * hour // 3, tzinfo=dt.timezone.utc) for hour in range(24)]
    said = set[str]()
    for moment in moments:
        clock = SimpleNamespace(now=lambda zone, at=moment: at.astimezone(zone))
        monkeypatch.setattr(key_pairs, "dt", SimpleNamespace(datetime=clock, timezone=dt.timezone))
        said.add(wrong_dates(leaf))
    assert len(said) == 1
    assert f"(this host's clock: {year}-01-01)" in said.pop()
