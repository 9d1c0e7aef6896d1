"""All faults as data: what each does, how it is done, and what has to come of it.

An outcome is a text, so that tables and tests show the same:

    ok              success, and one attempt was made
    R Error         sent again on another connection until the attempts are used up (3; where the
                    server asks for patience 5), and well if a later one is; then this error
    R1 Error        the same, sent again once at most
    R1! Error       sent again once, and the second answer is this error
    E Error         this error at once
    U Error         this error, or `OutcomeUnknownError` because of it; sent once, and the error
                    says that it may have been applied
    x               it stops, and nothing stays behind
    n/a             it makes no sense there
    n/a: why        the same, where that is not plain

Of a delivery to a receiver, the outcome is the status that is answered (``-``: none) and how
often the handler was called: ``400/0``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from . import bodies, circumstances, connections, heads, lists, statuses, storms
from .fault import OPERATIONS, Cell, Fault

FAULTS: Final[tuple[Fault, ...]] = (
    *connections.FAULTS,
    *heads.FAULTS,
    *bodies.FAULTS,
    *lists.FAULTS,
    *statuses.FAULTS,
    *storms.FAULTS,
    *circumstances.FAULTS,
)


def cells() -> Iterator[Cell]:
    """Return every cell of the matrix: all faults, by all operations."""
    for fault in FAULTS:
        for operation in OPERATIONS:
            yield Cell(fault, operation)


def live_cells() -> list[Cell]:
    """Return the cells that are tested."""
    return [cell for cell in cells() if cell.is_tested]


def count() -> Counter[str]:
    """Return how many cells there are, by what becomes of them."""
    return Counter(cell.kind for cell in cells())
