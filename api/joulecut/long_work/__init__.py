"""What commands of minutes need: progress with time left, an end by Ctrl-C, finished parts kept, folders checked."""
