"""joulecut."""
