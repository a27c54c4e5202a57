"""Stand-ins for hardware, one per seam: wrong in one place at most, unlike mocks."""
