"""What is shown of requests that were sent to a running edge-agent."""

from __future__ import annotations

from dataclasses import replace

from joulecut.own.sending import Answered, answers_table
from joulecut_core.ledgers import RequestJoules
from tests.api.fake_edge import LEDGER, STATUS


def test_what_the_server_draws_between_batches_counts() -> None:
    """Its share is among the server's joules in the table, as it is on the page."""
    ledger = replace(LEDGER, joules=RequestJoules(server=0.5, server_wait=0.25))
    table = answers_table(STATUS, [Answered(sample="one", answer=1, ledger=ledger)])
    assert list(table.columns[-1].cells) == ["750.0"]
