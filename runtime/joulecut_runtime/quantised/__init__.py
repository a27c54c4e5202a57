"""INT8 variants: calibration, scales as files without code, and the engine that computes by them."""
