"""Who may do what on this server: guards in front of its services, by the identity in the caller's certificate."""
