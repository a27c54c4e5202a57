"""Profiles, wire tables and link estimates: dataclasses to protobuf and back."""

from __future__ import annotations

from joulecut_core.links import LinkEstimate
from joulecut_core.profiles import Profile
from joulecut_core.wires import WireTable
from joulecut_proto.messages import Converter
from joulecut_proto.v1 import profiles_pb2

PROFILE = Converter(Profile, profiles_pb2.Profile)
WIRE_TABLE = Converter(WireTable, profiles_pb2.WireTable)
LINK_ESTIMATE = Converter(LinkEstimate, profiles_pb2.LinkEstimate)
