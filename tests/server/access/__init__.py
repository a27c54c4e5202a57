"""Who may do what on a server."""
