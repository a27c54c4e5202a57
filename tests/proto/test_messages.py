"""The mechanism between dataclasses and messages, over every pair that the contract has."""

from __future__ import annotations

import dataclasses
import math
from enum import Enum
from typing import Any, cast, get_args, get_type_hints

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceState, ThrottleReason
from joulecut_core.errors import ContractError, JoulecutError, ProblemError
from joulecut_core.fleets import Shared
from joulecut_core.links import LinkEstimate
from joulecut_core.problems import Objective, SideTables, Slo
from joulecut_proto.convert_agent import DEVICE_STATE, HELLO_REPLY, OPERATING_POINT
from joulecut_proto.convert_planning import FLEET as FLEET_CONVERTER
from joulecut_proto.convert_planning import PLAN, PROBLEM
from joulecut_proto.convert_profiles import LINK_ESTIMATE, PROFILE
from joulecut_proto.messages import Converter
from joulecut_proto.v1 import devices_pb2, planning_pb2, profiles_pb2
from tests.proto.converters import CONVERTERS
from tests.proto.drawn_values import problems, values_of, words_of
from tests.proto.fake_services import FLEET
from tests.thoroughness import examples

STATE = DeviceState(
    time_s=1.5,
    point=OperatingPoint(core_mhz=612.0, memory_mhz=2133.0),
    power_w=0.0,
    temperature_c=None,
    throttle=frozenset({ThrottleReason.THERMAL, ThrottleReason.POWER_CAP}),
    energy_j=0.0,
    energy_time_s=None,
)


_DRAWN = settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("name", CONVERTERS)
@given(data=st.data())
@_DRAWN
def test_round_trip_over_bytes(name: str, data: st.DataObject) -> None:
    """Whatever a side sends, the other side reads: None stays None, zero stays zero, order stays order."""
    converter = CONVERTERS[name]
    value = data.draw(values_of(converter))
    assert converter.from_wire(converter.message.FromString(converter.to_wire(value).SerializeToString())) == value


@pytest.mark.parametrize("name", CONVERTERS)
@given(data=st.data())
@_DRAWN
def test_damaged_bytes_end_in_an_error_of_ours(name: str, data: st.DataObject) -> None:
    """Whatever arrives is either a value, no protobuf at all, or refused on purpose: nothing else is raised."""
    converter = CONVERTERS[name]
    sent = converter.to_wire(data.draw(values_of(converter))).SerializeToString()
    start = data.draw(st.integers(0, len(sent)))
    damaged = sent[:start] + data.draw(st.binary(max_size=4)) + sent[start + data.draw(st.integers(0, 4)) :]
    try:
        message = converter.message.FromString(damaged)
    except DecodeError:
        return
    try:
        assert isinstance(converter.from_wire(message), converter.kind)
    except JoulecutError:
        return


def test_values_that_do_not_fit_together_are_refused() -> None:
    """A dataclass that trips over its own values is the sender's fault, not a crash here."""

    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class _Picky:
        core_mhz: float
        memory_mhz: float | None = None

        def __post_init__(self) -> None:
            raise ValueError("no such clock")

    picky: Converter[_Picky, Any] = Converter(_Picky, devices_pb2.OperatingPoint)
    with pytest.raises(ContractError, match="_Picky: no such clock"):
        picky.from_wire(devices_pb2.OperatingPoint(core_mhz=1.0))


def _pairs(kind: type, message: Descriptor) -> list[tuple[type, Descriptor]]:
    pairs = [(kind, message)]
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        descriptor = message.fields_by_name[field.name]
        for candidate in (hints[field.name], *get_args(hints[field.name])):
            if dataclasses.is_dataclass(candidate) and descriptor.message_type is not None:
                pairs += _pairs(cast(type, candidate), descriptor.message_type)
    return pairs


@pytest.mark.parametrize("name", CONVERTERS)
def test_fields_are_the_same_words(name: str) -> None:
    """A field added on one side only would be lost without a word."""
    converter = CONVERTERS[name]
    for kind, message in _pairs(converter.kind, converter.message.DESCRIPTOR):
        assert {field.name for field in dataclasses.fields(kind)} == set(message.fields_by_name), message.full_name


@pytest.mark.parametrize("name", CONVERTERS)
def test_absent_is_never_zero(name: str) -> None:
    """What may be None, and what has a default that is not protobuf's, can be told apart from zero on the wire."""
    converter = CONVERTERS[name]
    for kind, message in _pairs(converter.kind, converter.message.DESCRIPTOR):
        hints = get_type_hints(kind)
        for field in dataclasses.fields(kind):
            descriptor = message.fields_by_name[field.name]
            unusual = field.default is not dataclasses.MISSING and bool(field.default) and not descriptor.enum_type
            if type(None) in get_args(hints[field.name]) or (unusual and kind in (Objective, Shared, Slo)):
                assert descriptor.has_presence, descriptor.full_name


@pytest.mark.parametrize("name", CONVERTERS)
def test_enums_have_the_same_words(name: str) -> None:
    """A member added to an enum on one side only could not be sent or not be read."""
    converter = CONVERTERS[name]
    for kind, message in _pairs(converter.kind, converter.message.DESCRIPTOR):
        hints = get_type_hints(kind)
        for field in dataclasses.fields(kind):
            descriptor = message.fields_by_name[field.name]
            for candidate in (hints[field.name], *get_args(hints[field.name])):
                if isinstance(candidate, type) and issubclass(candidate, Enum):
                    assert {member.value for member in candidate} == set(words_of(descriptor))


def test_zero_and_none_are_told_apart() -> None:
    """A meter that reads 0 J is not a missing meter."""
    message = DEVICE_STATE.to_wire(STATE)
    assert message.HasField("energy_j")
    assert not message.HasField("energy_time_s")
    assert DEVICE_STATE.from_wire(message) == STATE


def test_defaults_of_the_document_hold_for_absent_fields() -> None:
    """A client that leaves out what the document lets it leave out gets the document's defaults, not zeros."""
    message = planning_pb2.PlanSessionRequest(objective=planning_pb2.Objective(), slo=planning_pb2.Slo())
    objective: Converter[Objective, Any] = Converter(Objective, planning_pb2.Objective)
    slo: Converter[Slo, Any] = Converter(Slo, planning_pb2.Slo)
    assert objective.from_wire(message.objective) == Objective(edge_weight=1.0, server_weight=1.0)
    assert slo.from_wire(message.slo) == Slo(margin="cantelli")
    shared: Converter[Shared, Any] = Converter(Shared, planning_pb2.Shared)
    assert shared.from_wire(planning_pb2.Shared()) == Shared(uplink_bps=None, server_utilisation=0.8)


@given(problem=problems())
@settings(max_examples=10, deadline=None)
def test_a_problem_without_its_defaulted_objects(problem: Any) -> None:
    """`slo`, `objective` and a cut's `allowed` may be left out."""
    message = PROBLEM.to_wire(problem)
    message.ClearField("slo")
    message.ClearField("objective")
    for cut in message.cuts:
        cut.ClearField("allowed")
    read = PROBLEM.from_wire(message)
    assert (read.slo, read.objective, {cut.allowed for cut in read.cuts}) == (Slo(), Objective(), {True})


@given(problem=problems())
@settings(max_examples=5, deadline=None)
def test_a_problem_checks_itself(problem: Any) -> None:
    """What no planner could solve is refused on arrival, with the path in the document."""
    message = PROBLEM.to_wire(problem)
    message.link.uplink_bps = 0.0
    with pytest.raises(ProblemError, match=r"link\.uplink_bps"):
        PROBLEM.from_wire(message)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_finite_is_refused_both_ways(value: float) -> None:
    """NaN in a link estimate would make every plan 'optimal'."""
    with pytest.raises(ContractError, match=r"rtt_s: .*expected a finite number"):
        LINK_ESTIMATE.to_wire(LinkEstimate(uplink_bps=1.0, downlink_bps=1.0, rtt_s=value))
    message = LINK_ESTIMATE.to_wire(LinkEstimate(uplink_bps=1.0, downlink_bps=1.0, rtt_s=0.0))
    message.rtt_s = value
    with pytest.raises(ContractError, match=r"rtt_s: .*expected a finite number"):
        LINK_ESTIMATE.from_wire(message)


@given(problem=problems())
@settings(max_examples=5, deadline=None)
def test_a_problem_complains_in_its_own_words(problem: Any) -> None:
    """Not finite, missing or unknown: what checks itself raises one error, the document's, with the path."""
    message = PROBLEM.to_wire(problem)
    message.variants[0].edge.time_s.rows[1].values[0] = math.nan
    complaint = r"^variants\[0\]\.edge\.time_s\[1\]\[0\]: nan; expected a finite number of at least 0$"
    with pytest.raises(ProblemError, match=complaint):
        PROBLEM.from_wire(message)
    message.variants[0].edge.ClearField("time_s")
    with pytest.raises(ProblemError, match=r"^variants\[0\]\.edge\.time_s: missing; expected a value$"):
        PROBLEM.from_wire(message)
    message.ClearField("link")
    with pytest.raises(ProblemError, match=r"^link: missing; expected an object \(Link\)$"):
        PROBLEM.from_wire(message)
    message = PROBLEM.to_wire(problem)
    cast(Any, message.slo).margin = 99
    with pytest.raises(ProblemError, match=r"^slo\.margin: Margin 99 is unknown; expected one of cantelli, gaussian$"):
        PROBLEM.from_wire(message)


def test_a_problem_inside_a_fleet_is_found() -> None:
    """A complaint about one problem of many says which edge's."""
    message = FLEET_CONVERTER.to_wire(FLEET)
    message.edges[1].problem.link.rtt_s = -1.0
    complaint = r"^edges\[1\]\.problem\.link\.rtt_s: -1\.0; expected a finite number of at least 0$"
    with pytest.raises(ProblemError, match=complaint):
        FLEET_CONVERTER.from_wire(message)


def test_a_table_sent_out_is_finite() -> None:
    """Also what no dataclass has checked is refused with its place before it leaves."""
    tables: Converter[SideTables, Any] = Converter(SideTables, planning_pb2.SideTables)
    broken = SideTables(time_s=((0.0,), (math.inf,)), busy_w=((0.0,), (0.0,)))
    with pytest.raises(ContractError, match=r"time_s\[1\]\[0\]: inf; expected a finite number"):
        tables.to_wire(broken)
    message = tables.to_wire(SideTables(time_s=((0.0,),), busy_w=((0.0,),)))
    message.time_s.rows[0].values[0] = math.nan
    with pytest.raises(ContractError, match=r"time_s\[0\]\[0\]: nan; expected a finite number"):
        tables.from_wire(message)


def test_not_finite_in_a_list_names_its_place() -> None:
    """Also in a list of numbers."""
    message = profiles_pb2.Profile(points=[profiles_pb2.PointMeasurement(block_s=[0.5, math.inf])])
    message.key.side = profiles_pb2.SIDE_EDGE
    message.points[0].requested.SetInParent()
    message.points[0].achieved.SetInParent()
    message.figures = devices_pb2.FIGURE_KIND_EMULATED
    with pytest.raises(ContractError, match=r"points\[0\]\.block_s\[1\]: inf"):
        PROFILE.from_wire(message)


def test_a_missing_message_is_named() -> None:
    """A half-written message is refused, not filled with zeros."""
    with pytest.raises(ContractError, match="point: missing"):
        DEVICE_STATE.from_wire(devices_pb2.DeviceState(time_s=1.0))


def test_an_enum_left_out_is_named() -> None:
    """Every enum's zero means that nobody said."""
    message = HELLO_REPLY.message(device=devices_pb2.DeviceInfo(name="x"))
    with pytest.raises(ContractError, match="side: missing"):
        HELLO_REPLY.from_wire(message)
    with pytest.raises(ContractError, match="status: missing"):
        PLAN.from_wire(planning_pb2.Plan(power_scopes=planning_pb2.PowerScopes()))


def test_an_unknown_enum_is_refused_with_what_is_known() -> None:
    """A newer peer's word is not guessed."""
    message = DEVICE_STATE.to_wire(STATE)
    cast(Any, message.throttle).append(99)
    with pytest.raises(ContractError, match=r"throttle\[2\]: ThrottleReason 99 is unknown; .*power-cap, thermal"):
        DEVICE_STATE.from_wire(devices_pb2.DeviceState.FromString(message.SerializeToString()))


def test_a_word_outside_the_enum_cannot_be_sent() -> None:
    """A typo in a margin is found where it was made."""
    slo: Converter[Slo, Any] = Converter(Slo, planning_pb2.Slo)
    with pytest.raises(ContractError, match="margin: 'gausian'; expected one of cantelli, gaussian"):
        slo.to_wire(Slo(margin="gausian"))


def test_a_number_that_does_not_fit_cannot_be_sent() -> None:
    """Protobuf's own complaint gets the path and the class of the contract's errors."""
    link = LinkEstimate(uplink_bps=1.0, downlink_bps=1.0, rtt_s=0.0, samples=-1)
    with pytest.raises(ContractError, match="samples: -1 cannot be sent"):
        LINK_ESTIMATE.to_wire(link)
    with pytest.raises(ContractError, match="core_mhz: 'fast' cannot be sent"):
        OPERATING_POINT.to_wire(OperatingPoint(core_mhz=cast(Any, "fast")))


def test_fields_of_a_newer_peer_are_ignored() -> None:
    """Within one contract version messages may grow."""
    newer = devices_pb2.OperatingPoint(core_mhz=5.0).SerializeToString() + b"\xa2\x06\x03abc"
    assert OPERATING_POINT.from_wire(devices_pb2.OperatingPoint.FromString(newer)) == OperatingPoint(core_mhz=5.0)
