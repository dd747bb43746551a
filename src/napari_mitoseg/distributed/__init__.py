"""The same recipe for volumes larger than memory, block by block.

Stages leave their arrays in a folder beside the result; each finished block is
recorded, so that a run that was killed goes on where it was.  Blocks are worked on in
this process or by the workers of a dask cluster.
"""
