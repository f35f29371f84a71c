"""Random draws without state: each is a function of a seed, a purpose and a row's number.

So a table can be made in chunks of any size, and the same row drawn again for another table, with nothing remembered.
"""

import zlib

import numpy as np


class Draws:
    """The draws for one purpose; another purpose or seed gives independent ones."""

    def __init__(self, seed, purpose):
        self.start = _mixed(np.array([seed], np.uint64) ^ np.uint64(zlib.crc32(purpose.encode()) << 32))

    def bits(self, rows):
        """64 random bits for each row number."""
        return _mixed(self.start + np.asarray(rows).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))

    def unit(self, rows):
        """A number in [0, 1) for each row number."""
        return (self.bits(rows) >> np.uint64(11)) * 2.0**-53

    def below(self, rows, bound):
        """A whole number in [0, bound) for each row number."""
        return (self.unit(rows) * bound).astype(np.int64)

    def chance(self, rows, share):
        """True for that share of the rows."""
        return self.unit(rows) < share


def _mixed(bits):
    """The output function of SplitMix64 (Steele, Lea and Flood, 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
