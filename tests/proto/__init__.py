"""Tests of joulecut_proto."""
