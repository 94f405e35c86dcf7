"""Data sets as bytes: scan, edit and write elements; character sets; paths."""
