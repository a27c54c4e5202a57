"""Devices and what agents say of themselves: dataclasses to protobuf and back."""

from __future__ import annotations

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceState
from joulecut_core.energy import EnergyReading
from joulecut_proto.agent_messages import AgentState, BundleChunk, Echo, EchoReply, Hello, HelloReply
from joulecut_proto.messages import Converter
from joulecut_proto.v1 import agent_pb2, devices_pb2

OPERATING_POINT = Converter(OperatingPoint, devices_pb2.OperatingPoint)
DEVICE_STATE = Converter(DeviceState, devices_pb2.DeviceState)
ENERGY_READING = Converter(EnergyReading, devices_pb2.EnergyReading)

HELLO = Converter(Hello, agent_pb2.HelloRequest)
HELLO_REPLY = Converter(HelloReply, agent_pb2.HelloReply)
AGENT_STATE = Converter(AgentState, agent_pb2.AgentState)
BUNDLE_CHUNK = Converter(BundleChunk, agent_pb2.BundleChunk)
ECHO = Converter(Echo, agent_pb2.EchoRequest)
ECHO_REPLY = Converter(EchoReply, agent_pb2.EchoReply)
