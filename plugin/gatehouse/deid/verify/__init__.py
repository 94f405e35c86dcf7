"""The second opinion: whether an identifying value of the original is left in what would leave.

It shares no code with the engine, and imports nothing of ``gatehouse.dicom``. It reads the original
and the output with a reader of its own (``reader``, ``walk``), knows by its own list what
identifies (``identifiers``), makes of each value the texts to look for (``needles``), searches all
values of the output (``search``), judges what it finds (``places``, ``words``, ``ours``), and holds
the output's structure against the plan (``structure``).
"""

from gatehouse.deid.verify.check import read_original, verify, verify_against
from gatehouse.deid.verify.original import Original

__all__ = ["Original", "read_original", "verify", "verify_against"]
