"""Apply a network to a volume of any size, tile by tile."""
