"""Who may ask for what: sessions of edges, their streams, and the epochs of their plans."""
