"""What the edge plans by: its wishes, its own numbers, and the plans that are in force or kept ready."""
