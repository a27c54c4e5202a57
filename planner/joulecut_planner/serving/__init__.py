"""Serving under load: which requests run together, when, at which clocks and in which precision."""
