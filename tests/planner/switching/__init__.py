"""Tests of changes between plans."""
