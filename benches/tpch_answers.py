"""Whether two answers to a query are the same rows, in the order that the query asks for."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from equality import Different

RELATIVE = 1e-9
# The specification rounds quotients to cents (2.1.3.5).
CENT = Decimal("0.01")


@dataclass
class Answer:
    columns: list[str]
    rows: list[tuple]


def same_answers(sql, ours, theirs):
    """Rows that are equal by the query's ORDER BY may come in any order."""
    if ours.columns != theirs.columns:
        raise Different(f"the columns are {ours.columns}, DuckDB's {theirs.columns}")
    if len(ours.rows) != len(theirs.rows):
        raise Different(f"{len(ours.rows)} rows, DuckDB {len(theirs.rows)}")
    keys = [theirs.columns.index(name) for name in ordered_by(sql)]
    others = sorted(range(len(theirs.columns)), key=lambda column: is_number_in(column, theirs.rows))
    for our, their in zip(in_one_order(ours.rows, keys, others), in_one_order(theirs.rows, keys, others)):
        for name, left, right in zip(theirs.columns, our, their):
            if not same_value(left, right):
                raise Different(f"{name} is {left}, DuckDB's {right}, in the row {our}")


def ordered_by(sql):
    """The columns of the query's own ORDER BY, which stands on a line of its own."""
    found = re.search(r"^order by (.+)$", sql, re.MULTILINE)
    return [column.split()[0] for column in found[1].split(",")] if found else []


def in_one_order(rows, keys, columns):
    """The rows as they come, and rows that are equal by their keys by the other columns: texts and dates before numbers."""
    for _, equal in groupby(rows, key=lambda row: [row[key] for key in keys]):
        yield from sorted(equal, key=lambda row: [sortable(row[column]) for column in columns])


def sortable(value):
    return (value is None, 0 if value is None else value)


def is_number_in(column, rows):
    return any(isinstance(row[column], (int, float, Decimal)) for row in rows)


def same_value(left, right):
    """Counts, texts and dates are the same, and decimals; a float is close, and as close as a decimal's digits can say."""
    values = left, right
    if not any(isinstance(value, float) for value in values):
        return left == right
    if not all(isinstance(value, (int, float, Decimal)) for value in values):
        return False
    digit = max(last_digit(value) for value in values)
    return math.isclose(left, right, rel_tol=RELATIVE, abs_tol=digit)


def last_digit(value):
    return float(min(CENT, Decimal(1).scaleb(value.as_tuple().exponent))) if isinstance(value, Decimal) else 0.0
