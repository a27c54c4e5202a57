"""Tests of what makes the documents a site."""
