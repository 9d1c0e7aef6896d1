"""The log of this package, on which no outcome depends: not even on a handler that raises."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any


class Log(logging.LoggerAdapter[logging.Logger]):
    """Logs by a logger, and reports what its handlers and filters raise on stderr.

    A request may have been carried out when its answer is logged; then a handler's mistake must
    not take the place of the answer.  `logging.raiseExceptions` decides whether it is reported, as
    it does for handlers that catch their own.
    """

    def log(self, level: int, msg: object, *args: object, **options: Any) -> None:
        """Log a message, in the name of the caller."""
        try:
            super().log(level, msg, *args, **{"stacklevel": 2, **options})
        except Exception:  # noqa: BLE001 - it is not ours
            if logging.raiseExceptions and sys.stderr is not None:
                traceback.print_exc()


def log_of(name: str = "cloudflow_async") -> Log:
    """Return the log of this name."""
    return Log(logging.getLogger(name))
