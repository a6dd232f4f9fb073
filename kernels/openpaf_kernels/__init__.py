"""The decoder's inner loops: arrays in, arrays out, compiled by Numba.

Callers allocate every output; an int that comes back says how many rows were used or had to be
dropped. Nothing is checked here: `openpaf.decoder` does that at the public edge.
"""
