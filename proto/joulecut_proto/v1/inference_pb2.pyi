from joulecut_proto.v1 import devices_pb2 as _devices_pb2
from joulecut_proto.v1 import tensors_pb2 as _tensors_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReplyStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLY_STATUS_UNSPECIFIED: _ClassVar[ReplyStatus]
    REPLY_STATUS_OK: _ClassVar[ReplyStatus]
    REPLY_STATUS_STALE: _ClassVar[ReplyStatus]
    REPLY_STATUS_OVERLOADED: _ClassVar[ReplyStatus]
    REPLY_STATUS_DRAINING: _ClassVar[ReplyStatus]
    REPLY_STATUS_LATE: _ClassVar[ReplyStatus]
    REPLY_STATUS_INVALID: _ClassVar[ReplyStatus]
    REPLY_STATUS_FAILED: _ClassVar[ReplyStatus]

class Origin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORIGIN_UNSPECIFIED: _ClassVar[Origin]
    ORIGIN_COMPUTED: _ClassVar[Origin]
    ORIGIN_KEPT: _ClassVar[Origin]
    ORIGIN_RECOMPUTED: _ClassVar[Origin]
REPLY_STATUS_UNSPECIFIED: ReplyStatus
REPLY_STATUS_OK: ReplyStatus
REPLY_STATUS_STALE: ReplyStatus
REPLY_STATUS_OVERLOADED: ReplyStatus
REPLY_STATUS_DRAINING: ReplyStatus
REPLY_STATUS_LATE: ReplyStatus
REPLY_STATUS_INVALID: ReplyStatus
REPLY_STATUS_FAILED: ReplyStatus
ORIGIN_UNSPECIFIED: Origin
ORIGIN_COMPUTED: Origin
ORIGIN_KEPT: Origin
ORIGIN_RECOMPUTED: Origin

class InferencePart(_message.Message):
    __slots__ = ("header", "header_checksum", "chunk_checksum", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    HEADER_CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    CHUNK_CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    header_checksum: int
    chunk_checksum: int
    chunk: bytes
    def __init__(self, header: _Optional[bytes] = ..., header_checksum: _Optional[int] = ..., chunk_checksum: _Optional[int] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class RequestHeader(_message.Message):
    __slots__ = ("contract_version", "session_id", "request_id", "epoch", "network_digest", "cut", "codec", "variant", "tensors", "total_bytes", "budget_s", "priority", "attempt", "traceparent")
    CONTRACT_VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NETWORK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    BUDGET_S_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    contract_version: int
    session_id: str
    request_id: str
    epoch: int
    network_digest: str
    cut: int
    codec: str
    variant: str
    tensors: _containers.RepeatedCompositeFieldContainer[_tensors_pb2.WireTensor]
    total_bytes: int
    budget_s: float
    priority: int
    attempt: int
    traceparent: str
    def __init__(self, contract_version: _Optional[int] = ..., session_id: _Optional[str] = ..., request_id: _Optional[str] = ..., epoch: _Optional[int] = ..., network_digest: _Optional[str] = ..., cut: _Optional[int] = ..., codec: _Optional[str] = ..., variant: _Optional[str] = ..., tensors: _Optional[_Iterable[_Union[_tensors_pb2.WireTensor, _Mapping]]] = ..., total_bytes: _Optional[int] = ..., budget_s: _Optional[float] = ..., priority: _Optional[int] = ..., attempt: _Optional[int] = ..., traceparent: _Optional[str] = ...) -> None: ...

class ReplyHeader(_message.Message):
    __slots__ = ("request_id", "status", "message", "current_epoch", "tensors", "total_bytes", "queue_s", "decode_s", "tail_s", "server_energy_j", "figures", "retry_after_s", "server_wait_j", "origin", "variant")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CURRENT_EPOCH_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    QUEUE_S_FIELD_NUMBER: _ClassVar[int]
    DECODE_S_FIELD_NUMBER: _ClassVar[int]
    TAIL_S_FIELD_NUMBER: _ClassVar[int]
    SERVER_ENERGY_J_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    SERVER_WAIT_J_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    status: ReplyStatus
    message: str
    current_epoch: int
    tensors: _containers.RepeatedCompositeFieldContainer[_tensors_pb2.WireTensor]
    total_bytes: int
    queue_s: float
    decode_s: float
    tail_s: float
    server_energy_j: float
    figures: _devices_pb2.FigureKind
    retry_after_s: float
    server_wait_j: float
    origin: Origin
    variant: str
    def __init__(self, request_id: _Optional[str] = ..., status: _Optional[_Union[ReplyStatus, str]] = ..., message: _Optional[str] = ..., current_epoch: _Optional[int] = ..., tensors: _Optional[_Iterable[_Union[_tensors_pb2.WireTensor, _Mapping]]] = ..., total_bytes: _Optional[int] = ..., queue_s: _Optional[float] = ..., decode_s: _Optional[float] = ..., tail_s: _Optional[float] = ..., server_energy_j: _Optional[float] = ..., figures: _Optional[_Union[_devices_pb2.FigureKind, str]] = ..., retry_after_s: _Optional[float] = ..., server_wait_j: _Optional[float] = ..., origin: _Optional[_Union[Origin, str]] = ..., variant: _Optional[str] = ...) -> None: ...
