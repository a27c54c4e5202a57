"""What `joulecut device` does with the devices of this machine: find them, watch them, hold and free their clocks."""
