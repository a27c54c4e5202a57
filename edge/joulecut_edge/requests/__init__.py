"""One request's way through the edge, from its tensors to its answer and ledger."""
