"""Parts at work: runners, batches, the thread that owns a device, and the clocks they hold."""
