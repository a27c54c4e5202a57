"""What crosses between the parts: codecs, their checks, and how large and how fast they are."""
