"""Serving in virtual time: the policies of the live agent, on arrivals from a trace."""
