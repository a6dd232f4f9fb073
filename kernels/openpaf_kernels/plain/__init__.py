"""The same kernels as plain Python, from the same sources, without Numba.

`openpaf_kernels.plain.limbs` is `limbs.py` of the folder above, imported a second time: only what
it takes from `.cache` is another. Both find the same, to the last bit; plain Python takes fifty
times as long for it, but needs nothing compiled and not the half second that importing Numba takes.
"""

from __future__ import annotations

from pathlib import Path

__path__.append(str(Path(__file__).resolve().parent.parent))
