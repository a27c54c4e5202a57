from joulecut_proto.v1 import devices_pb2 as _devices_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Side(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIDE_UNSPECIFIED: _ClassVar[Side]
    SIDE_EDGE: _ClassVar[Side]
    SIDE_SERVER: _ClassVar[Side]
SIDE_UNSPECIFIED: Side
SIDE_EDGE: Side
SIDE_SERVER: Side

class ProfileKey(_message.Message):
    __slots__ = ("device", "driver", "power_scope", "network_digest", "side", "engine", "precision", "batch")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    POWER_SCOPE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    device: str
    driver: str
    power_scope: str
    network_digest: str
    side: Side
    engine: str
    precision: str
    batch: int
    def __init__(self, device: _Optional[str] = ..., driver: _Optional[str] = ..., power_scope: _Optional[str] = ..., network_digest: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., engine: _Optional[str] = ..., precision: _Optional[str] = ..., batch: _Optional[int] = ...) -> None: ...

class PointMeasurement(_message.Message):
    __slots__ = ("requested", "achieved", "runs", "block_s", "whole_s", "whole_std_s", "busy_w", "wait_w", "window_s", "samples_s", "busy_std_w", "wait_std_w")
    REQUESTED_FIELD_NUMBER: _ClassVar[int]
    ACHIEVED_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_S_FIELD_NUMBER: _ClassVar[int]
    WHOLE_S_FIELD_NUMBER: _ClassVar[int]
    WHOLE_STD_S_FIELD_NUMBER: _ClassVar[int]
    BUSY_W_FIELD_NUMBER: _ClassVar[int]
    WAIT_W_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_S_FIELD_NUMBER: _ClassVar[int]
    BUSY_STD_W_FIELD_NUMBER: _ClassVar[int]
    WAIT_STD_W_FIELD_NUMBER: _ClassVar[int]
    requested: _devices_pb2.OperatingPoint
    achieved: _devices_pb2.OperatingPoint
    runs: int
    block_s: _containers.RepeatedScalarFieldContainer[float]
    whole_s: float
    whole_std_s: float
    busy_w: float
    wait_w: float
    window_s: float
    samples_s: _containers.RepeatedScalarFieldContainer[float]
    busy_std_w: float
    wait_std_w: float
    def __init__(self, requested: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., achieved: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., runs: _Optional[int] = ..., block_s: _Optional[_Iterable[float]] = ..., whole_s: _Optional[float] = ..., whole_std_s: _Optional[float] = ..., busy_w: _Optional[float] = ..., wait_w: _Optional[float] = ..., window_s: _Optional[float] = ..., samples_s: _Optional[_Iterable[float]] = ..., busy_std_w: _Optional[float] = ..., wait_std_w: _Optional[float] = ...) -> None: ...

class PartMeasurement(_message.Message):
    __slots__ = ("cut", "achieved", "runs", "time_s", "time_std_s", "busy_w")
    CUT_FIELD_NUMBER: _ClassVar[int]
    ACHIEVED_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    TIME_STD_S_FIELD_NUMBER: _ClassVar[int]
    BUSY_W_FIELD_NUMBER: _ClassVar[int]
    cut: int
    achieved: _devices_pb2.OperatingPoint
    runs: int
    time_s: float
    time_std_s: float
    busy_w: float
    def __init__(self, cut: _Optional[int] = ..., achieved: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., runs: _Optional[int] = ..., time_s: _Optional[float] = ..., time_std_s: _Optional[float] = ..., busy_w: _Optional[float] = ...) -> None: ...

class CodecMeasurement(_message.Message):
    __slots__ = ("cut", "codec", "time_s", "time_std_s", "extra_w")
    CUT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    TIME_STD_S_FIELD_NUMBER: _ClassVar[int]
    EXTRA_W_FIELD_NUMBER: _ClassVar[int]
    cut: int
    codec: str
    time_s: float
    time_std_s: float
    extra_w: float
    def __init__(self, cut: _Optional[int] = ..., codec: _Optional[str] = ..., time_s: _Optional[float] = ..., time_std_s: _Optional[float] = ..., extra_w: _Optional[float] = ...) -> None: ...

class GovernedMeasurement(_message.Message):
    __slots__ = ("rate_hz", "latency_s", "latency_std_s", "mean_w", "samples_s")
    RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    LATENCY_S_FIELD_NUMBER: _ClassVar[int]
    LATENCY_STD_S_FIELD_NUMBER: _ClassVar[int]
    MEAN_W_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_S_FIELD_NUMBER: _ClassVar[int]
    rate_hz: float
    latency_s: float
    latency_std_s: float
    mean_w: float
    samples_s: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, rate_hz: _Optional[float] = ..., latency_s: _Optional[float] = ..., latency_std_s: _Optional[float] = ..., mean_w: _Optional[float] = ..., samples_s: _Optional[_Iterable[float]] = ...) -> None: ...

class PacedMeasurement(_message.Message):
    __slots__ = ("requested", "achieved", "rate_hz", "latency_s", "latency_std_s", "mean_w", "samples_s")
    REQUESTED_FIELD_NUMBER: _ClassVar[int]
    ACHIEVED_FIELD_NUMBER: _ClassVar[int]
    RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    LATENCY_S_FIELD_NUMBER: _ClassVar[int]
    LATENCY_STD_S_FIELD_NUMBER: _ClassVar[int]
    MEAN_W_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_S_FIELD_NUMBER: _ClassVar[int]
    requested: _devices_pb2.OperatingPoint
    achieved: _devices_pb2.OperatingPoint
    rate_hz: float
    latency_s: float
    latency_std_s: float
    mean_w: float
    samples_s: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, requested: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., achieved: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., rate_hz: _Optional[float] = ..., latency_s: _Optional[float] = ..., latency_std_s: _Optional[float] = ..., mean_w: _Optional[float] = ..., samples_s: _Optional[_Iterable[float]] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("key", "network", "cut_names", "clock_table", "created", "figures", "points", "parts", "codecs", "governed", "schema", "paced")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    CUT_NAMES_FIELD_NUMBER: _ClassVar[int]
    CLOCK_TABLE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    GOVERNED_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    PACED_FIELD_NUMBER: _ClassVar[int]
    key: ProfileKey
    network: str
    cut_names: _containers.RepeatedScalarFieldContainer[str]
    clock_table: _containers.RepeatedCompositeFieldContainer[_devices_pb2.OperatingPoint]
    created: str
    figures: _devices_pb2.FigureKind
    points: _containers.RepeatedCompositeFieldContainer[PointMeasurement]
    parts: _containers.RepeatedCompositeFieldContainer[PartMeasurement]
    codecs: _containers.RepeatedCompositeFieldContainer[CodecMeasurement]
    governed: _containers.RepeatedCompositeFieldContainer[GovernedMeasurement]
    schema: str
    paced: _containers.RepeatedCompositeFieldContainer[PacedMeasurement]
    def __init__(self, key: _Optional[_Union[ProfileKey, _Mapping]] = ..., network: _Optional[str] = ..., cut_names: _Optional[_Iterable[str]] = ..., clock_table: _Optional[_Iterable[_Union[_devices_pb2.OperatingPoint, _Mapping]]] = ..., created: _Optional[str] = ..., figures: _Optional[_Union[_devices_pb2.FigureKind, str]] = ..., points: _Optional[_Iterable[_Union[PointMeasurement, _Mapping]]] = ..., parts: _Optional[_Iterable[_Union[PartMeasurement, _Mapping]]] = ..., codecs: _Optional[_Iterable[_Union[CodecMeasurement, _Mapping]]] = ..., governed: _Optional[_Iterable[_Union[GovernedMeasurement, _Mapping]]] = ..., schema: _Optional[str] = ..., paced: _Optional[_Iterable[_Union[PacedMeasurement, _Mapping]]] = ...) -> None: ...

class WireMeasurement(_message.Message):
    __slots__ = ("cut", "codec", "mean_bytes", "max_bytes", "accuracy_loss", "samples", "std_bytes")
    CUT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    MEAN_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_LOSS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    STD_BYTES_FIELD_NUMBER: _ClassVar[int]
    cut: int
    codec: str
    mean_bytes: float
    max_bytes: int
    accuracy_loss: float
    samples: int
    std_bytes: float
    def __init__(self, cut: _Optional[int] = ..., codec: _Optional[str] = ..., mean_bytes: _Optional[float] = ..., max_bytes: _Optional[int] = ..., accuracy_loss: _Optional[float] = ..., samples: _Optional[int] = ..., std_bytes: _Optional[float] = ...) -> None: ...

class WireTable(_message.Message):
    __slots__ = ("network", "network_digest", "samples_from", "reply_bytes", "wires", "schema")
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    NETWORK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FROM_FIELD_NUMBER: _ClassVar[int]
    REPLY_BYTES_FIELD_NUMBER: _ClassVar[int]
    WIRES_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    network: str
    network_digest: str
    samples_from: str
    reply_bytes: int
    wires: _containers.RepeatedCompositeFieldContainer[WireMeasurement]
    schema: str
    def __init__(self, network: _Optional[str] = ..., network_digest: _Optional[str] = ..., samples_from: _Optional[str] = ..., reply_bytes: _Optional[int] = ..., wires: _Optional[_Iterable[_Union[WireMeasurement, _Mapping]]] = ..., schema: _Optional[str] = ...) -> None: ...

class LinkEstimate(_message.Message):
    __slots__ = ("uplink_bps", "downlink_bps", "rtt_s", "latency_std_s", "uplink_w", "downlink_w", "samples", "figures")
    UPLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    DOWNLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    RTT_S_FIELD_NUMBER: _ClassVar[int]
    LATENCY_STD_S_FIELD_NUMBER: _ClassVar[int]
    UPLINK_W_FIELD_NUMBER: _ClassVar[int]
    DOWNLINK_W_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    uplink_bps: float
    downlink_bps: float
    rtt_s: float
    latency_std_s: float
    uplink_w: float
    downlink_w: float
    samples: int
    figures: _devices_pb2.FigureKind
    def __init__(self, uplink_bps: _Optional[float] = ..., downlink_bps: _Optional[float] = ..., rtt_s: _Optional[float] = ..., latency_std_s: _Optional[float] = ..., uplink_w: _Optional[float] = ..., downlink_w: _Optional[float] = ..., samples: _Optional[int] = ..., figures: _Optional[_Union[_devices_pb2.FigureKind, str]] = ...) -> None: ...
