"""The subcommands of `joulecut`, one module each."""
