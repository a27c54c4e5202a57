"""Hosts as the kernel shows them: files below a root, and something that treats them as the kernel would."""
