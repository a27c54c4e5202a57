"""A tensor in the form in which it crosses a process border: what it is, how it is encoded, its bytes.

Codecs make frames of tensors and tensors of frames; the wire moves frames without knowing either.
Payloads are contiguous, row major, little endian.
"""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.networks import TensorSpec

Payload = bytes | bytearray | memoryview

RAW = "raw"
"""The codec that leaves a tensor as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFrame:
    """A tensor ready to travel, or just arrived.

    `spec` describes the tensor before encoding. `codec_header` is small (scales, lengths), `payload`
    is the bulk; it may be a view of the tensor's own memory, so the tensor must not change until it
    is sent.
    """

    spec: TensorSpec
    payload: Payload
    codec: str = RAW
    codec_header: bytes = b""

    @property
    def payload_bytes(self) -> int:
        """Bytes of the payload."""
        return memoryview(self.payload).nbytes

    @property
    def size_bytes(self) -> int:
        """Bytes that cross the link for this tensor, without the message's envelope."""
        return len(self.codec_header) + self.payload_bytes
