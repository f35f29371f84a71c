"""What all made-up tables of Sunbird share: draws by row number, and the days when columns were replaced."""

import numpy as np
import pyarrow as pa

from draws import Draws
from generate_exports import nullified, taken, uuid_text

DAY = 86_400_000
FIRST_DAY = int(np.datetime64("2020-06-01", "ms").astype(np.int64))
DAYS = 2_300
# Enrolments and batches have timestamps since the first of these days, and texts until the second.
NEW_COLUMN = int(np.datetime64("2021-05-01", "ms").astype(np.int64))
OLD_COLUMN = int(np.datetime64("2022-01-01", "ms").astype(np.int64))


class Made:
    """Rows by their number, drawn for a purpose."""

    def __init__(self, options):
        self.seed = options.seed

    def draws(self, purpose):
        return Draws(self.seed, f"{type(self).__name__}: {purpose}")

    def chance(self, purpose, rows, share):
        return self.draws(purpose).chance(rows, share)

    def below(self, purpose, rows, bound):
        return self.draws(purpose).below(rows, bound)

    def uuids(self, purpose, rows):
        return uuid_text(*(self.draws(f"{purpose}, {half} half").bits(rows) for half in ("first", "second")))

    def one_of(self, values, purpose, rows):
        return taken(pa.array(values, pa.string()), self.below(purpose, rows, len(values)))

    def sometimes(self, values, purpose, rows, missing):
        return nullified(values, self.chance(purpose, rows, missing))


def offsets_of(counts):
    """Where the entries of each row, `counts` of them, begin and end in a list of all entries."""
    return pa.array(np.concatenate(([0], np.cumsum(counts))).astype(np.int32))


def repeated(word, count):
    return pa.array([word]).take(pa.array(np.zeros(count, np.int8)))
