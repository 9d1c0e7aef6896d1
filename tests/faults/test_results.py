"""The table of faults that users read."""

from __future__ import annotations

from .catalogue import FAULTS, cells, count
from .fault import LEFT_OUT
from .results import TABLE, promised, read, render


def test_the_table_is_that_of_the_catalogue() -> None:
    """What is shown was promised, and what is promised is shown; the matrix holds it."""
    table = TABLE.read_text()

    assert promised() == read(table)
    assert render(promised()) == table


def test_all_faults_are_there() -> None:
    """Each of the 132 faults has a row, and a reason wherever it is left out."""
    sizes = {"n": 8, "s": 10, "h": 25, "b": 19, "j": 22, "m": 8, "e": 20, "l": 9, "x": 11}
    expected = [f"{letter}{at}" for letter, size in sizes.items() for at in range(1, size + 1)]

    assert sorted(expected) == sorted(fault.id for fault in FAULTS)
    assert all(cell.promised.removeprefix(LEFT_OUT).strip() for cell in cells())


def test_most_is_tested() -> None:
    """Of 660 cells few are left out; the figures are those of the documentation."""
    counted = count()
    print(dict(counted))

    assert 660 == counted.total()
    assert counted["left out"] <= 30
