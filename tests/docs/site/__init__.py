"""Tests of the hooks that mkdocs runs."""
