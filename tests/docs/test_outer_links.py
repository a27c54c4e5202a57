"""Links to other sites, as far as they can be held against each other without asking anybody."""

from __future__ import annotations

import re
from collections import defaultdict

from tests.architecture.tree import documents, name, text

_ADDRESS = re.compile(r"https?://[^\s)>\"'`\]]+")
_LABELLED = re.compile(r"\[([^\]]*)\]\((https://(?:arxiv\.org|doi\.org)/[^)]+)\)")
_NUMBER = re.compile(r"\d{4}\.\d{5}|10\.\d{4,}/\S+")


def test_an_address_is_spelt_one_way() -> None:
    """Where a page moves, one search finds all that lead there."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for path in documents():
        for address in _ADDRESS.findall(text(path)):
            _, _, place = address.rstrip(".,;:").partition("://")
            if "." in place.partition("/")[0]:  # else an example such as `http://host:port`
                spellings[place.lower().removeprefix("www.").rstrip("/")].add(address.rstrip(".,;:"))
    assert not {place: spelt for place, spelt in spellings.items() if len(spelt) > 1}


def test_papers_are_named_as_they_are_linked() -> None:
    """A label that gives an arXiv number or a DOI gives that of its link; links to arXiv are to abstracts."""
    wrong = []
    for path in documents():
        for label, address in _LABELLED.findall(text(path)):
            (linked,) = _NUMBER.findall(address)
            is_known = address in {f"https://arxiv.org/abs/{linked}", f"https://doi.org/{linked}"}
            if not is_known or any(said != linked for said in _NUMBER.findall(label)):
                wrong.append(f"{name(path)}: [{label}]({address})")
    assert not wrong
