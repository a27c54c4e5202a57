"""An emulated link: bytes that arrive when a real one would deliver them."""
