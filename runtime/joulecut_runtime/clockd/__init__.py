"""Clock leases: the one privileged piece of joulecut. Standard library and nvidia-ml-py only."""
