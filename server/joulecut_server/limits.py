"""What a server-agent bears of its edges at most, so that none of them takes what the others need."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The `[limits]` table of a server-agent's TOML file. Raises ConfigError where a value leaves nothing to serve.

    `streams`: edges connected at once, idle ones too. `in_flight`: requests of one stream that wait or compute; beyond,
    reading stops. `waiting`: requests of all that wait for the device. `tensor_bytes`: of requests that arrive, wait or
    compute, in all and of one identity, `share_tensor_bytes` (beyond, they are refused as overload), and in one stream,
    `stream_tensor_bytes` (beyond, reading stops). `stall_s`: wall seconds in which a request or a reply on its way must
    get on, and `transfer_s` those for all of it: one that stands still, or lies `stall_s` behind the pace for that, has
    its stream cut off. Answers are kept for requests sent again: `kept_s` seconds of the agents' clock,
    `kept_answers` and `kept_session_bytes` of one session, `kept_bytes` in all.
    """

    streams: int = 4096
    in_flight: int = 16
    waiting: int = 256
    tensor_bytes: int = 1 << 30
    share_tensor_bytes: int = 256 << 20
    stream_tensor_bytes: int = 128 << 20
    stall_s: float = 10.0
    transfer_s: float = 300.0
    kept_s: float = 30.0
    kept_answers: int = 64
    kept_session_bytes: int = 16 << 20
    kept_bytes: int = 256 << 20

    def __post_init__(self) -> None:
        for name in ("streams", "in_flight", "waiting", "tensor_bytes", "share_tensor_bytes", "stream_tensor_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"limits.{name}: {getattr(self, name)}; expected at least 1")
        for name in ("kept_answers", "kept_session_bytes", "kept_bytes"):
            if getattr(self, name) < 0:
                raise ConfigError(f"limits.{name}: {getattr(self, name)}; expected 0 (nothing is kept) or more")
        for name in ("stall_s", "transfer_s"):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"limits.{name}: {getattr(self, name)}; expected a finite number of seconds above 0")
        if self.transfer_s < self.stall_s:
            raise ConfigError(f"limits.transfer_s: {self.transfer_s}; expected at least limits.stall_s, {self.stall_s}")
        if not 0.0 <= self.kept_s < float("inf"):
            raise ConfigError(f"limits.kept_s: {self.kept_s}; expected a finite number of seconds, 0 or more")
        self._check_streams()

    def _check_streams(self) -> None:
        for name in ("share_tensor_bytes", "tensor_bytes"):
            if self.stream_tensor_bytes > getattr(self, name):
                raise ConfigError(
                    f"limits.stream_tensor_bytes: {self.stream_tensor_bytes}; expected at most "
                    f"limits.{name}, {getattr(self, name)}"
                )
