"""Bringing one's own network: captured, measured, planned and tried on emulated devices, from Python."""
