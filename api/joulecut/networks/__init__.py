"""Networks and their inputs: those that come with joulecut, other people's, and what reduced precision costs them."""

from joulecut.networks.shipped import efficientnet_lite0, picture_inputs

__all__ = ["efficientnet_lite0", "picture_inputs"]
