"""The planning service: what is asked, how much of it at once, and where it is solved."""
