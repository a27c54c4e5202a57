"""Tests of the reproduction of papers."""
