"""The table of faults that users read."""

from __future__ import annotations

from .catalogue import FAULTS, cells, count
from .results import TABLE, promised, read, render


def test_the_table_is_that_of_the_catalogue() -> None:
    """What is shown was promised, and what is promised is shown; the matrix holds it."""
    table = TABLE.read_text()

    assert promised() == read(table)
    assert render(promised()) == table


def test_all_faults_are_there() -> None:
    """Each of the 132 faults has a row."""
    sizes = {"n": 8, "s": 10, "h": 25, "b": 19, "j": 22, "m": 8, "e": 20, "l": 9, "x": 11}
    expected = [f"{letter}{at}" for letter, size in sizes.items() for at in range(1, size + 1)]

    assert sorted(expected) == sorted(fault.id for fault in FAULTS)


def test_every_cell_that_has_a_meaning_is_tested() -> None:
    """Of 660 cells, that of a page's offset in a creation alone needs a word on why it has none."""
    reasons = [cell.id for cell in cells() if cell.reason]

    assert {"tested": 582, "n/a": 78} == count()
    assert ["m2-POST"] == reasons
