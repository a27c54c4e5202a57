"""What a request costs on the wire besides its payload."""

from __future__ import annotations

ENVELOPE_BYTES = 256
"""Header message, gRPC and HTTP/2 framing of one request or reply of a few tensors, rounded up."""
