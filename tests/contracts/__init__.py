"""Suites that every implementation of a core Protocol has to pass."""
