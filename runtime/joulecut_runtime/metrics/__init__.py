"""What the agents tell Prometheus."""
