"""`joulecut demo`: two real agents, one trained network, every policy run and metered side by side."""
