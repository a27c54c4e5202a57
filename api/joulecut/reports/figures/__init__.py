"""One picture each: pure functions from results to charts."""
