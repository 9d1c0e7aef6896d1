"""Let file descriptors run out."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def few_descriptors(free: int = 0) -> Iterator[contextlib.ExitStack]:
    """Let no more than so many be opened, until the block ends or what it gives is closed."""
    # There may be taken ones far above.
    numbers = [os.dup(0) for _ in range(free + 1)]
    for number in numbers:
        os.close(number)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as restore:
        restore.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (numbers[-1], limits[1]))
        yield restore
