"""The benchmark: the engine and the gateway beside other tools, on generated data.

Run with ``make bench``. Nothing here is part of the product.
"""
