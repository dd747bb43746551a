"""Models that travel: packages of other tools in, packages for other tools out."""
