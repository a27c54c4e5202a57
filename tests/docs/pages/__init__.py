"""The documents as they are executed: their blocks, the programs that run them, and what they print."""
