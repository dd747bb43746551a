"""Sparse annotations: what was painted, what it means, and where to paint next."""
