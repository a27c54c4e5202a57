"""Spans of requests through OpenTelemetry: to a collector, or to a file."""
