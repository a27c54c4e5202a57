"""Many edges on one device: requests wait by urgency, run in batches, at the clocks that a serving policy chooses."""
