"""`joulecut profile` and `joulecut fit`: what is measured or read, and what is said about it."""
