"""Profiles and link estimates: dataclasses to protobuf and back."""

from __future__ import annotations

from joulecut_core.links import LinkEstimate
from joulecut_core.profiles import Profile
from joulecut_proto.messages import Converter
from joulecut_proto.v1 import profiles_pb2

PROFILE = Converter(Profile, profiles_pb2.Profile)
LINK_ESTIMATE = Converter(LinkEstimate, profiles_pb2.LinkEstimate)
