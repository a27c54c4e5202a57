"""Who speaks, and may they: certificates, identities, TLS for either side, plain text where it is allowed."""
