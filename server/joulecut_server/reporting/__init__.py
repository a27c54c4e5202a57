"""What a server tells of itself: to its edges, to those who watch it, and to whoever decides how many there are."""
