"""Where a network may be cut and what crosses there, for people: the table and the picture of `joulecut cuts`."""
