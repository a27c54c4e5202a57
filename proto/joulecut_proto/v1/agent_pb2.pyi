from joulecut_proto.v1 import devices_pb2 as _devices_pb2
from joulecut_proto.v1 import profiles_pb2 as _profiles_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HelloRequest(_message.Message):
    __slots__ = ("contract_version", "name", "side", "slowdown")
    CONTRACT_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SLOWDOWN_FIELD_NUMBER: _ClassVar[int]
    contract_version: int
    name: str
    side: _profiles_pb2.Side
    slowdown: float
    def __init__(self, contract_version: _Optional[int] = ..., name: _Optional[str] = ..., side: _Optional[_Union[_profiles_pb2.Side, str]] = ..., slowdown: _Optional[float] = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("contract_version", "name", "side", "slowdown", "device", "networks", "epoch", "instance")
    CONTRACT_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SLOWDOWN_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    NETWORKS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    contract_version: int
    name: str
    side: _profiles_pb2.Side
    slowdown: float
    device: _devices_pb2.DeviceInfo
    networks: _containers.RepeatedCompositeFieldContainer[NetworkId]
    epoch: int
    instance: str
    def __init__(self, contract_version: _Optional[int] = ..., name: _Optional[str] = ..., side: _Optional[_Union[_profiles_pb2.Side, str]] = ..., slowdown: _Optional[float] = ..., device: _Optional[_Union[_devices_pb2.DeviceInfo, _Mapping]] = ..., networks: _Optional[_Iterable[_Union[NetworkId, _Mapping]]] = ..., epoch: _Optional[int] = ..., instance: _Optional[str] = ...) -> None: ...

class NetworkId(_message.Message):
    __slots__ = ("name", "digest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class GetStateRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AgentState(_message.Message):
    __slots__ = ("device", "leased", "overrun_s")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    LEASED_FIELD_NUMBER: _ClassVar[int]
    OVERRUN_S_FIELD_NUMBER: _ClassVar[int]
    device: _devices_pb2.DeviceState
    leased: _devices_pb2.OperatingPoint
    overrun_s: float
    def __init__(self, device: _Optional[_Union[_devices_pb2.DeviceState, _Mapping]] = ..., leased: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., overrun_s: _Optional[float] = ...) -> None: ...

class GetProfileRequest(_message.Message):
    __slots__ = ("network_digest",)
    NETWORK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    network_digest: str
    def __init__(self, network_digest: _Optional[str] = ...) -> None: ...

class GetBundleRequest(_message.Message):
    __slots__ = ("network_digest", "held_bytes")
    class HeldBytesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NETWORK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    HELD_BYTES_FIELD_NUMBER: _ClassVar[int]
    network_digest: str
    held_bytes: _containers.ScalarMap[str, int]
    def __init__(self, network_digest: _Optional[str] = ..., held_bytes: _Optional[_Mapping[str, int]] = ...) -> None: ...

class BundleChunk(_message.Message):
    __slots__ = ("file", "offset", "data", "total_bytes")
    FILE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    file: str
    offset: int
    data: bytes
    total_bytes: int
    def __init__(self, file: _Optional[str] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class ReadMeterRequest(_message.Message):
    __slots__ = ("not_before_s",)
    NOT_BEFORE_S_FIELD_NUMBER: _ClassVar[int]
    not_before_s: float
    def __init__(self, not_before_s: _Optional[float] = ...) -> None: ...

class EchoRequest(_message.Message):
    __slots__ = ("payload", "reply_bytes")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    REPLY_BYTES_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    reply_bytes: int
    def __init__(self, payload: _Optional[bytes] = ..., reply_bytes: _Optional[int] = ...) -> None: ...

class EchoReply(_message.Message):
    __slots__ = ("payload", "server_s")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SERVER_S_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    server_s: float
    def __init__(self, payload: _Optional[bytes] = ..., server_s: _Optional[float] = ...) -> None: ...
