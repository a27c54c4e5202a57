"""The baselines against brute forces of their own rules."""
