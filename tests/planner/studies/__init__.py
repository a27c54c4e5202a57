"""Metrics, revenue and optima of a study."""
