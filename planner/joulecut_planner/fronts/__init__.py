"""The exact energy-latency front, by cells of choices that are bounded, beaten or split."""
