"""What is fed: each reader of the project behind one interface."""
