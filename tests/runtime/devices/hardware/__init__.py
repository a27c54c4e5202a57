"""The parts that all real devices share."""
