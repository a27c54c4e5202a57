"""Everything that touches torch or hardware: devices, links, capture, bundles, parts, codecs, the profiler."""
