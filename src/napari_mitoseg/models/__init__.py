"""Networks, and the zoo of trained ones.

``architectures`` holds the networks by name, ``zoo`` the trained models.  Importing
this package or `zoo` does not import torch, so that listing models stays instant.
"""
