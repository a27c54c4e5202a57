"""What `joulecut doctor` finds out about a machine: one module per area, none of which changes anything."""
