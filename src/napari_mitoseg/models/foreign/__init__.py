"""Networks made elsewhere: run as they came, between steps that a config declares."""
