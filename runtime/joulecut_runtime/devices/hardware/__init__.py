"""What all real devices share: reading (a probe), asking for clocks (an authority), and timing work."""
