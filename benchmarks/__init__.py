"""Measurements of joulecut itself: scripts whose results are committed with date and scope."""
