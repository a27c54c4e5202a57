"""Every error joulecut raises on purpose, one branch per reaction of the caller.

    JoulecutError
    ├── ConfigError        a file, flag or option is wrong: fix it and start again
    ├── CaptureError       a network cannot be captured: change the network
    ├── BundleError        a bundle is damaged, forged or too new: fetch or pack it again
    ├── DeviceError        a device refused or vanished
    │   ├── ClockError     an operating point is not on the device's table, or could not be held
    │   └── LeaseError     somebody else holds the device's clocks
    ├── ProfileError       a profile is missing, damaged or for something else: profile again
    ├── FitError           measurements cannot carry the requested model: measure more points
    ├── ProblemError       a planning problem is malformed: fix the named field
    ├── PlanError          a plan was promised and there is none
    ├── LinkError          the other side cannot be reached: run locally, try again later
    ├── ContractError      the other side speaks another version, epoch, network or cut
    └── AccessError        who asks may not have it: change the certificate or the server's rules

Messages say what happened, the value, what was expected and what to do about it.
"""

from __future__ import annotations


class JoulecutError(Exception):
    """Root of every error that joulecut raises on purpose."""


class ConfigError(JoulecutError):
    """A configuration file, flag or option is wrong."""


class CaptureError(JoulecutError):
    """A network cannot be captured; the message names the node and the reason."""


class BundleError(JoulecutError):
    """A bundle is damaged, forged, too large or of an unknown format."""


class DeviceError(JoulecutError):
    """A device refused a request, is unknown or has vanished."""


class ClockError(DeviceError):
    """An operating point is not on the device's clock table, or could not be held."""


class LeaseError(DeviceError):
    """The device's clocks are leased to somebody else, or this user may not set them."""


class ProfileError(JoulecutError):
    """A profile is missing, damaged, or belongs to another device or network."""


class FitError(JoulecutError):
    """The measurements cannot carry the requested model."""


class ProblemError(JoulecutError):
    """A planning problem is malformed; the message starts with the JSON path."""


class PlanError(JoulecutError):
    """A plan was promised but none can be given."""


class LinkError(JoulecutError):
    """The other side cannot be reached or broke the connection."""


class ContractError(JoulecutError):
    """The other side speaks another version, epoch, network or cut."""


class AccessError(JoulecutError):
    """Who asks is not known here, or may not have what it asks for; the message names the rule."""
