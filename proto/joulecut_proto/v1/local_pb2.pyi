from joulecut_proto.v1 import devices_pb2 as _devices_pb2
from joulecut_proto.v1 import planning_pb2 as _planning_pb2
from joulecut_proto.v1 import profiles_pb2 as _profiles_pb2
from joulecut_proto.v1 import tensors_pb2 as _tensors_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ServedBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SERVED_BY_UNSPECIFIED: _ClassVar[ServedBy]
    SERVED_BY_SPLIT: _ClassVar[ServedBy]
    SERVED_BY_EDGE: _ClassVar[ServedBy]
    SERVED_BY_SERVER: _ClassVar[ServedBy]

class FallbackReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FALLBACK_REASON_UNSPECIFIED: _ClassVar[FallbackReason]
    FALLBACK_REASON_LOST: _ClassVar[FallbackReason]
    FALLBACK_REASON_LATE: _ClassVar[FallbackReason]
    FALLBACK_REASON_REFUSED: _ClassVar[FallbackReason]
    FALLBACK_REASON_FAILED: _ClassVar[FallbackReason]
SERVED_BY_UNSPECIFIED: ServedBy
SERVED_BY_SPLIT: ServedBy
SERVED_BY_EDGE: ServedBy
SERVED_BY_SERVER: ServedBy
FALLBACK_REASON_UNSPECIFIED: FallbackReason
FALLBACK_REASON_LOST: FallbackReason
FALLBACK_REASON_LATE: FallbackReason
FALLBACK_REASON_REFUSED: FallbackReason
FALLBACK_REASON_FAILED: FallbackReason

class InferRequest(_message.Message):
    __slots__ = ("request_id", "tensors", "application")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    tensors: _containers.RepeatedCompositeFieldContainer[_tensors_pb2.Tensor]
    application: str
    def __init__(self, request_id: _Optional[str] = ..., tensors: _Optional[_Iterable[_Union[_tensors_pb2.Tensor, _Mapping]]] = ..., application: _Optional[str] = ...) -> None: ...

class InferReply(_message.Message):
    __slots__ = ("tensors", "ledger")
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    LEDGER_FIELD_NUMBER: _ClassVar[int]
    tensors: _containers.RepeatedCompositeFieldContainer[_tensors_pb2.Tensor]
    ledger: RequestLedger
    def __init__(self, tensors: _Optional[_Iterable[_Union[_tensors_pb2.Tensor, _Mapping]]] = ..., ledger: _Optional[_Union[RequestLedger, _Mapping]] = ...) -> None: ...

class RequestSeconds(_message.Message):
    __slots__ = ("edge_queue", "head", "encode", "up", "server_queue", "decode", "tail", "down", "total")
    EDGE_QUEUE_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    ENCODE_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    SERVER_QUEUE_FIELD_NUMBER: _ClassVar[int]
    DECODE_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    DOWN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    edge_queue: float
    head: float
    encode: float
    up: float
    server_queue: float
    decode: float
    tail: float
    down: float
    total: float
    def __init__(self, edge_queue: _Optional[float] = ..., head: _Optional[float] = ..., encode: _Optional[float] = ..., up: _Optional[float] = ..., server_queue: _Optional[float] = ..., decode: _Optional[float] = ..., tail: _Optional[float] = ..., down: _Optional[float] = ..., total: _Optional[float] = ...) -> None: ...

class RequestJoules(_message.Message):
    __slots__ = ("edge_busy", "edge_wait", "encode", "radio", "server", "server_wait")
    EDGE_BUSY_FIELD_NUMBER: _ClassVar[int]
    EDGE_WAIT_FIELD_NUMBER: _ClassVar[int]
    ENCODE_FIELD_NUMBER: _ClassVar[int]
    RADIO_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    SERVER_WAIT_FIELD_NUMBER: _ClassVar[int]
    edge_busy: float
    edge_wait: float
    encode: float
    radio: float
    server: float
    server_wait: float
    def __init__(self, edge_busy: _Optional[float] = ..., edge_wait: _Optional[float] = ..., encode: _Optional[float] = ..., radio: _Optional[float] = ..., server: _Optional[float] = ..., server_wait: _Optional[float] = ...) -> None: ...

class RequestLedger(_message.Message):
    __slots__ = ("request_id", "epoch", "cut", "codec", "served_by", "fallback", "seconds", "joules", "figures", "fallback_reason", "attempts", "variant")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    JOULES_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    epoch: int
    cut: int
    codec: str
    served_by: ServedBy
    fallback: bool
    seconds: RequestSeconds
    joules: RequestJoules
    figures: _devices_pb2.FigureKind
    fallback_reason: FallbackReason
    attempts: int
    variant: str
    def __init__(self, request_id: _Optional[str] = ..., epoch: _Optional[int] = ..., cut: _Optional[int] = ..., codec: _Optional[str] = ..., served_by: _Optional[_Union[ServedBy, str]] = ..., fallback: bool = ..., seconds: _Optional[_Union[RequestSeconds, _Mapping]] = ..., joules: _Optional[_Union[RequestJoules, _Mapping]] = ..., figures: _Optional[_Union[_devices_pb2.FigureKind, str]] = ..., fallback_reason: _Optional[_Union[FallbackReason, str]] = ..., attempts: _Optional[int] = ..., variant: _Optional[str] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RequestCounters(_message.Message):
    __slots__ = ("requests", "split", "local", "fallbacks", "throttle_drifts", "model_drifts", "link_drifts")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    FALLBACKS_FIELD_NUMBER: _ClassVar[int]
    THROTTLE_DRIFTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_DRIFTS_FIELD_NUMBER: _ClassVar[int]
    LINK_DRIFTS_FIELD_NUMBER: _ClassVar[int]
    requests: int
    split: int
    local: int
    fallbacks: int
    throttle_drifts: int
    model_drifts: int
    link_drifts: int
    def __init__(self, requests: _Optional[int] = ..., split: _Optional[int] = ..., local: _Optional[int] = ..., fallbacks: _Optional[int] = ..., throttle_drifts: _Optional[int] = ..., model_drifts: _Optional[int] = ..., link_drifts: _Optional[int] = ...) -> None: ...

class LocalStatus(_message.Message):
    __slots__ = ("network", "network_digest", "inputs", "outputs", "server_connected", "assignment", "plan", "link", "counters", "device", "device_info", "server_info", "slowdown")
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    NETWORK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    SERVER_CONNECTED_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_INFO_FIELD_NUMBER: _ClassVar[int]
    SERVER_INFO_FIELD_NUMBER: _ClassVar[int]
    SLOWDOWN_FIELD_NUMBER: _ClassVar[int]
    network: str
    network_digest: str
    inputs: _containers.RepeatedCompositeFieldContainer[_tensors_pb2.TensorSpec]
    outputs: _containers.RepeatedCompositeFieldContainer[_tensors_pb2.TensorSpec]
    server_connected: bool
    assignment: _planning_pb2.Assignment
    plan: _planning_pb2.Plan
    link: _profiles_pb2.LinkEstimate
    counters: RequestCounters
    device: _devices_pb2.DeviceState
    device_info: _devices_pb2.DeviceInfo
    server_info: _devices_pb2.DeviceInfo
    slowdown: float
    def __init__(self, network: _Optional[str] = ..., network_digest: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[_tensors_pb2.TensorSpec, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[_tensors_pb2.TensorSpec, _Mapping]]] = ..., server_connected: bool = ..., assignment: _Optional[_Union[_planning_pb2.Assignment, _Mapping]] = ..., plan: _Optional[_Union[_planning_pb2.Plan, _Mapping]] = ..., link: _Optional[_Union[_profiles_pb2.LinkEstimate, _Mapping]] = ..., counters: _Optional[_Union[RequestCounters, _Mapping]] = ..., device: _Optional[_Union[_devices_pb2.DeviceState, _Mapping]] = ..., device_info: _Optional[_Union[_devices_pb2.DeviceInfo, _Mapping]] = ..., server_info: _Optional[_Union[_devices_pb2.DeviceInfo, _Mapping]] = ..., slowdown: _Optional[float] = ...) -> None: ...

class ReplanRequest(_message.Message):
    __slots__ = ("policy", "objective", "slo", "max_accuracy_loss", "preview")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    SLO_FIELD_NUMBER: _ClassVar[int]
    MAX_ACCURACY_LOSS_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    policy: str
    objective: _planning_pb2.Objective
    slo: _planning_pb2.Slo
    max_accuracy_loss: float
    preview: bool
    def __init__(self, policy: _Optional[str] = ..., objective: _Optional[_Union[_planning_pb2.Objective, _Mapping]] = ..., slo: _Optional[_Union[_planning_pb2.Slo, _Mapping]] = ..., max_accuracy_loss: _Optional[float] = ..., preview: bool = ...) -> None: ...

class ReplanReply(_message.Message):
    __slots__ = ("assignment", "plan", "problem")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    assignment: _planning_pb2.Assignment
    plan: _planning_pb2.Plan
    problem: _planning_pb2.Problem
    def __init__(self, assignment: _Optional[_Union[_planning_pb2.Assignment, _Mapping]] = ..., plan: _Optional[_Union[_planning_pb2.Plan, _Mapping]] = ..., problem: _Optional[_Union[_planning_pb2.Problem, _Mapping]] = ...) -> None: ...

class ReadMetersRequest(_message.Message):
    __slots__ = ("edge_not_before_s", "server_not_before_s")
    EDGE_NOT_BEFORE_S_FIELD_NUMBER: _ClassVar[int]
    SERVER_NOT_BEFORE_S_FIELD_NUMBER: _ClassVar[int]
    edge_not_before_s: float
    server_not_before_s: float
    def __init__(self, edge_not_before_s: _Optional[float] = ..., server_not_before_s: _Optional[float] = ...) -> None: ...

class MeterReadings(_message.Message):
    __slots__ = ("edge", "server")
    EDGE_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    edge: _devices_pb2.EnergyReading
    server: _devices_pb2.EnergyReading
    def __init__(self, edge: _Optional[_Union[_devices_pb2.EnergyReading, _Mapping]] = ..., server: _Optional[_Union[_devices_pb2.EnergyReading, _Mapping]] = ...) -> None: ...
