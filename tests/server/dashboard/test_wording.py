"""Quantities as sentences say them."""

from __future__ import annotations

import pytest

from joulecut_server.dashboard.wording import bandwidth, joules, percent, seconds


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (seconds(0.0285), "28.5 ms"),
        (seconds(1.0), "1 s"),
        (seconds(0.0), "0 s"),
        (seconds(2.5e-6), "2.5 µs"),
        (seconds(3e-8), "0.03 µs"),
        (joules(0.161234), "161 mJ"),
        (joules(-0.002), "-2 mJ"),
        (joules(12345.6), "12346 J"),
        (bandwidth(25e6), "25 Mbit/s"),
        (bandwidth(2.5e9), "2.5 Gbit/s"),
        (bandwidth(12.0), "12 bit/s"),
        (bandwidth(2.05e12), "2050 Gbit/s"),
        (percent(0.2371), "23.7 %"),
        (percent(12.34), "1234 %"),
    ],
)
def test_three_digits_and_a_fitting_unit(said: str, expected: str) -> None:
    """A person compares these with figures on the page; an exponent or a ten-digit float helps nobody."""
    assert said == expected
