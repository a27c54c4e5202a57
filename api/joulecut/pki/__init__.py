"""A site's own certificates: an authority, what it issues to agents, how both are renewed and changed."""

from joulecut.pki.credentials import Credentials, install
from joulecut.pki.names import Names
from joulecut.pki.renewal import RenewalOrder, Renewed, renew
from joulecut.pki.site import Site

__all__ = ["Credentials", "Names", "RenewalOrder", "Renewed", "Site", "install", "renew"]
