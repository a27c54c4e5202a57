"""Tests of link estimates."""
