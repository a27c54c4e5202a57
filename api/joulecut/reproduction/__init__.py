"""`joulecut reproduce`: what papers set out to show, run again on public measurements and emulated devices."""
