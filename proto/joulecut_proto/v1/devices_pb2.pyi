from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FigureKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIGURE_KIND_UNSPECIFIED: _ClassVar[FigureKind]
    FIGURE_KIND_MEASURED: _ClassVar[FigureKind]
    FIGURE_KIND_ESTIMATED: _ClassVar[FigureKind]
    FIGURE_KIND_EMULATED: _ClassVar[FigureKind]

class ThrottleReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    THROTTLE_REASON_UNSPECIFIED: _ClassVar[ThrottleReason]
    THROTTLE_REASON_POWER_CAP: _ClassVar[ThrottleReason]
    THROTTLE_REASON_THERMAL: _ClassVar[ThrottleReason]
    THROTTLE_REASON_HARDWARE: _ClassVar[ThrottleReason]
FIGURE_KIND_UNSPECIFIED: FigureKind
FIGURE_KIND_MEASURED: FigureKind
FIGURE_KIND_ESTIMATED: FigureKind
FIGURE_KIND_EMULATED: FigureKind
THROTTLE_REASON_UNSPECIFIED: ThrottleReason
THROTTLE_REASON_POWER_CAP: ThrottleReason
THROTTLE_REASON_THERMAL: ThrottleReason
THROTTLE_REASON_HARDWARE: ThrottleReason

class OperatingPoint(_message.Message):
    __slots__ = ("core_mhz", "memory_mhz")
    CORE_MHZ_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MHZ_FIELD_NUMBER: _ClassVar[int]
    core_mhz: float
    memory_mhz: float
    def __init__(self, core_mhz: _Optional[float] = ..., memory_mhz: _Optional[float] = ...) -> None: ...

class DeviceInfo(_message.Message):
    __slots__ = ("name", "backend", "uid", "driver", "power_scope", "figures", "meter_period_s", "notes")
    class NotesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    POWER_SCOPE_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    METER_PERIOD_S_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    backend: str
    uid: str
    driver: str
    power_scope: str
    figures: FigureKind
    meter_period_s: float
    notes: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., backend: _Optional[str] = ..., uid: _Optional[str] = ..., driver: _Optional[str] = ..., power_scope: _Optional[str] = ..., figures: _Optional[_Union[FigureKind, str]] = ..., meter_period_s: _Optional[float] = ..., notes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class DeviceState(_message.Message):
    __slots__ = ("time_s", "point", "power_w", "temperature_c", "throttle", "energy_j", "energy_time_s")
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    POINT_FIELD_NUMBER: _ClassVar[int]
    POWER_W_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_C_FIELD_NUMBER: _ClassVar[int]
    THROTTLE_FIELD_NUMBER: _ClassVar[int]
    ENERGY_J_FIELD_NUMBER: _ClassVar[int]
    ENERGY_TIME_S_FIELD_NUMBER: _ClassVar[int]
    time_s: float
    point: OperatingPoint
    power_w: float
    temperature_c: float
    throttle: _containers.RepeatedScalarFieldContainer[ThrottleReason]
    energy_j: float
    energy_time_s: float
    def __init__(self, time_s: _Optional[float] = ..., point: _Optional[_Union[OperatingPoint, _Mapping]] = ..., power_w: _Optional[float] = ..., temperature_c: _Optional[float] = ..., throttle: _Optional[_Iterable[_Union[ThrottleReason, str]]] = ..., energy_j: _Optional[float] = ..., energy_time_s: _Optional[float] = ...) -> None: ...

class EnergyReading(_message.Message):
    __slots__ = ("time_s", "energy_j", "busy_s", "late_s")
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    ENERGY_J_FIELD_NUMBER: _ClassVar[int]
    BUSY_S_FIELD_NUMBER: _ClassVar[int]
    LATE_S_FIELD_NUMBER: _ClassVar[int]
    time_s: float
    energy_j: float
    busy_s: float
    late_s: float
    def __init__(self, time_s: _Optional[float] = ..., energy_j: _Optional[float] = ..., busy_s: _Optional[float] = ..., late_s: _Optional[float] = ...) -> None: ...
