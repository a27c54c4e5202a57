"""Inference streams: requests and replies in parts, checked as they arrive."""
