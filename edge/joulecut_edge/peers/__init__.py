"""The servers an edge may lean on: which there are, which are up, and a connection to one of them."""
