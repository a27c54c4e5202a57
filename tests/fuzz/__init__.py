"""Hostile input for everything that reads what somebody else wrote: a clear error or an equal round trip."""
