"""Which epochs a server accepts requests under."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.errors import ContractError
from joulecut_core.plans import Assignment
from joulecut_planner import PlanningInputs, Policy, PolicyPlan, parse_problem, plan_policy, solve
from joulecut_server.sessions.epochs import EpochCounter
from joulecut_server.sessions.sessions import SessionBook
from tests.planner.small_document import small_document
from tests.planner.synthetic_profiles import DIGEST, planning_inputs

INPUTS: PlanningInputs = planning_inputs()


@pytest.fixture(name="book")
def _book(tmp_path: Path) -> SessionBook:
    return SessionBook(EpochCounter(tmp_path / "epoch"))


def planned(book: SessionBook, session_id: str, policy: Policy = Policy.JOINT) -> Assignment:
    assignment = book.propose(session_id, plan_policy(policy, INPUTS), network_digest=DIGEST)[0]
    assert assignment is not None
    return assignment


def activated(book: SessionBook, session_id: str, policy: Policy = Policy.JOINT) -> Assignment:
    return book.activate(session_id, planned(book, session_id, policy).epoch)


def check(book: SessionBook, session_id: str, assignment: Assignment) -> Assignment:
    return book.check(
        session_id,
        epoch=assignment.epoch,
        network_digest=assignment.network_digest,
        cut=assignment.cut,
        codec=assignment.codec,
        variant=assignment.variant,
    )


def test_epochs_rise_over_all_sessions(book: SessionBook) -> None:
    """Every plan has an epoch of its own, whoever it is for; the assignment is the plan's choice."""
    epochs = [planned(book, session_id).epoch for session_id in ("a", "b", "a")]
    assert epochs == [1, 2, 3]
    assert book.last_epoch == 3
    made = plan_policy(Policy.JOINT, INPUTS)
    assignment = book.propose("a", made, network_digest=DIGEST)[0]
    assert assignment is not None
    assert assignment.network_digest == DIGEST
    assert assignment.policy == "joint"
    assert (assignment.cut, assignment.codec) == (made.plan.cut, made.plan.codec)
    assert assignment.server_clock == made.plan.server_clock
    assert assignment.edge_clock == made.plan.edge_clock


def test_the_governor_gets_no_clock(book: SessionBook) -> None:
    """Under the board's own governor the edge must not be told a clock."""
    assert planned(book, "a", Policy.GOVERNOR).edge_clock is None


def test_what_has_no_choice_gets_no_epoch(book: SessionBook) -> None:
    """Where no cut is allowed there is nothing to carry out: no epoch, no session, the proposal on the table stays."""
    proposed = planned(book, "a")
    problem = parse_problem(small_document())
    forbidden = tuple(replace(cut, allowed=False) for cut in problem.cuts)
    nothing = solve(replace(problem, cuts=forbidden))
    assert nothing.cut is None
    made = PolicyPlan(policy=Policy.JOINT, plan=nothing, problem=problem)
    assert book.propose("a", made, network_digest=DIGEST) == (None,)
    assert book.propose("a", made, [nothing, nothing], network_digest=DIGEST) == (None, None, None)
    assert book.propose("stranger", made, network_digest=DIGEST)[0] is None
    assert (book.last_epoch, len(book)) == (proposed.epoch, 1)
    assert book.activate("a", proposed.epoch) == proposed


def test_only_what_was_planned_can_be_put_in_force(book: SessionBook) -> None:
    """An epoch of another session, an outdated proposal or an invented one is refused; asking twice is not."""
    outdated, other = planned(book, "a"), planned(book, "b")
    proposed = planned(book, "a")
    for wrong in (outdated.epoch, other.epoch, 99):
        with pytest.raises(
            ContractError, match=f"epoch {wrong} of session a was never planned; proposed: 3: plan again"
        ):
            book.activate("a", wrong)
    with pytest.raises(ContractError, match="proposed: none"):
        book.activate("stranger", 3)
    assert len(book) == 2, "an invented session must not take the place of a real one"
    assert book.activate("a", proposed.epoch) == book.activate("a", proposed.epoch) == proposed
    assert book.current_epoch("a") == proposed.epoch
    assert book.current_epoch("b") == book.current_epoch("stranger") == 0


def test_both_epochs_count_in_a_hand_over(book: SessionBook) -> None:
    """A request sent before a switch is still answered after it; one from two plans ago is not."""
    first = activated(book, "a", Policy.ALL_SERVER)
    second = planned(book, "a", Policy.ENERGY_CUT)
    assert check(book, "a", first) == first
    with pytest.raises(ContractError, match="epoch 2 is not in force for session a; the current one is 1: plan again"):
        check(book, "a", second)
    book.activate("a", second.epoch)
    assert check(book, "a", first) == first
    assert check(book, "a", second) == second
    activated(book, "a")
    with pytest.raises(ContractError, match="epoch 1 is not in force for session a; the current one is 3"):
        check(book, "a", first)
    assert check(book, "a", second) == second


@pytest.mark.parametrize(
    ("field", "value"),
    [("cut", 1), ("codec", "other"), ("network_digest", "sha256:ff"), ("variant", "int8")],
    ids=["cut", "codec", "network", "variant"],
)
def test_a_request_must_be_what_its_epoch_says(book: SessionBook, field: str, value: str | int) -> None:
    """Under the right epoch, another cut, codec, network or variant is refused with what was expected."""
    assignment = activated(book, "a", Policy.ALL_SERVER)
    request: dict[str, str | int] = {
        "network_digest": assignment.network_digest,
        "cut": assignment.cut,
        "codec": assignment.codec,
        "variant": assignment.variant,
    }
    request[field] = value
    with pytest.raises(ContractError, match=f"request under epoch 1 .*; expected {DIGEST}, 0, {assignment.codec}"):
        book.check(
            "a",
            epoch=1,
            network_digest=str(request["network_digest"]),
            cut=int(request["cut"]),
            codec=str(request["codec"]),
            variant=str(request["variant"]),
        )


def test_sessions_do_not_see_each_other(book: SessionBook) -> None:
    """One edge cannot send under another one's epoch."""
    assignment = activated(book, "a")
    with pytest.raises(ContractError, match="epoch 1 is not in force for session b; the current one is 0"):
        check(book, "b", assignment)


def test_a_released_session_is_forgotten(book: SessionBook) -> None:
    """After a release its epochs count no more; releasing again is no error."""
    assignment = activated(book, "a")
    book.release("a")
    book.release("a")
    assert len(book) == 0
    with pytest.raises(ContractError, match="not in force"):
        check(book, "a", assignment)


def test_the_longest_silent_session_makes_room(tmp_path: Path) -> None:
    """A full book forgets who was not heard of for longest: requests count as being heard of, not plans alone."""
    book = SessionBook(EpochCounter(tmp_path / "epoch"), most=2)
    busy, silent = activated(book, "busy"), activated(book, "silent")
    check(book, "busy", busy)
    assert book.forget_silent() == ()
    planned(book, "new")
    assert (book.forget_silent(), len(book)) == (("silent",), 2)
    assert check(book, "busy", busy) == busy
    with pytest.raises(ContractError, match="the current one is 0"):
        check(book, "silent", silent)


def test_a_set_of_plans_is_in_force_as_a_whole(book: SessionBook) -> None:
    """An edge may change between the plans of one set by itself; the set before stays valid, older ones do not.

    Nothing is superseded before anything is in force.
    """
    made = plan_policy(Policy.JOINT, INPUTS)
    others = [plan_policy(policy, INPUTS).plan for policy in (Policy.ALL_SERVER, Policy.ALL_EDGE)]
    first = tuple(filter(None, book.propose("a", made, others, network_digest=DIGEST)))
    assert len({each.epoch for each in first}) == 3
    assert not book.is_superseded("a", first[0].epoch - 1)
    assert book.activate("a", first[1].epoch) == first[1]
    assert set(book.in_force("a")) == set(first)
    assert book.current_epoch("a") == max(each.epoch for each in first)
    for each in first:
        assert check(book, "a", each) == each
        assert book.activate("a", each.epoch) == each
        assert not book.is_superseded("a", each.epoch)
    second = activated(book, "a")
    for each in (*first, second):
        assert check(book, "a", each) == each
    assert book.is_superseded("a", first[0].epoch)
    activated(book, "a")
    for each in first:
        with pytest.raises(ContractError, match="not in force"):
            check(book, "a", each)


def test_plans_that_are_carried_out_alike_share_an_epoch(book: SessionBook) -> None:
    """Bands of one choice are one assignment: changing between them is no change; what is infeasible has none."""
    made = plan_policy(Policy.JOINT, INPUTS)
    infeasible = replace(made.plan, status="infeasible")
    assignments = book.propose("a", made, [made.plan, infeasible, made.plan], network_digest=DIGEST)
    assert assignments[2] is None
    assert assignments[0] == assignments[1] == assignments[3]
    assert book.last_epoch == 1


def test_what_a_plan_leaves_of_the_accepted_loss_is_remembered(book: SessionBook) -> None:
    """By epoch, the wire's and the variant's losses taken off; nothing of a session or an epoch that is not known."""
    made = plan_policy(Policy.JOINT, INPUTS)
    wires = made.problem.cuts[made.plan.cut or 0].wires
    problem = replace(
        made.problem,
        variants=tuple(replace(variant, accuracy_loss=0.01) for variant in made.problem.variants),
        cuts=tuple(
            replace(
                cut,
                wires=tuple(
                    replace(wire, accuracy_loss=0.002 if wire.codec == made.plan.codec else 0.03) for wire in cut.wires
                ),
            )
            for cut in made.problem.cuts[:-1]
        )
        + made.problem.cuts[-1:],
    )
    assert {wire.codec == made.plan.codec for wire in wires} == {True, False}
    lossy = replace(made, problem=problem)
    first = book.propose("a", lossy, network_digest=DIGEST, max_accuracy_loss=0.05)[0]
    second = book.propose("a", made, network_digest=DIGEST, max_accuracy_loss=0.0)[0]
    assert first is not None
    assert second is not None
    assert book.spare_loss("a", second.epoch) == 0.0
    assert book.spare_loss("b", second.epoch) == 0.0
    third = book.propose("a", lossy, network_digest=DIGEST, max_accuracy_loss=0.05)[0]
    assert third is not None
    assert book.spare_loss("a", third.epoch) == pytest.approx(0.038)
    book.activate("a", third.epoch)
    fourth = book.propose("a", lossy, network_digest=DIGEST, max_accuracy_loss=0.005)[0]
    assert fourth is not None
    assert book.spare_loss("a", third.epoch) == pytest.approx(0.038)
    assert book.spare_loss("a", fourth.epoch) == 0.0
    assert book.spare_loss("a", first.epoch) == 0.0
