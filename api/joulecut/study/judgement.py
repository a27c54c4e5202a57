"""What a judge of a claim hands back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulecut.study.claims import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict and the sentences that carry its numbers."""

    verdict: Verdict
    said: str


def judged(kept: Sequence[tuple[str, bool]], said: Sequence[str], *more: str) -> Judgement:
    """Whether a rule was kept every time, by network; names those that broke it."""
    broken = dict.fromkeys(network for network, keeps in kept if not keeps)
    breakers = f"The rule is not kept by {' and '.join(broken)}." if broken else ""
    return Judgement(verdict=Verdict.DOES_NOT_HOLD if broken else Verdict.HOLDS, said=_sentences(said, breakers, *more))


def not_judged(reason: str, said: Sequence[str] = ()) -> Judgement:
    """Why the data cannot tell, with what they do say."""
    return Judgement(verdict=Verdict.CANNOT_BE_JUDGED, said=_sentences(said, reason))


def _sentences(said: Sequence[str], *more: str) -> str:
    first = f"{'; '.join(said)}." if said else ""
    return " ".join(filter(None, (first, *more)))
