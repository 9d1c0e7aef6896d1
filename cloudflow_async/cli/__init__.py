"""The command ``cloudflow`` (extra ``cli``).

A command travels `app` > `export`, `emulator`, `login`, `webhooks` or `trigger`, which say what it
takes.  An export goes on to `exporting`, which reads what `opening` opens by its `inputs`, lays it
out in `rows`, fills the `output` of a `destination`, is kept in step with its checkpoint by
`resuming`, shows `progress` and ends with a `summary` and `pictures`; a login goes on to
`logging_in`, and the question who one is to `who`.
Behind an output are `stores`: a file, a `folder`, or one of these on the way to `parquet`.  Of
webhooks, `create` goes on to `registering`, `sign` and `verify` to `signing`, and `listen` to
`listening`, where a `receiver` shows `event_lines` and may have a `forwarding`.  What costs time to
import is imported by the command that needs it.
"""

from __future__ import annotations

from collections.abc import Sequence

from .shared.console import INTERRUPTED, MISUSED, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    0: done.  1: something failed.  2: it was called wrongly, or has no credential.  130 and 143:
    stopped by Ctrl-C and by SIGTERM.  141: nobody reads the output any more.

    Args:
        arguments: Those after the name of the command; None takes the process's own.
    """
    try:
        from .app import run  # noqa: PLC0415 - needs the extra, whose absence is told below

        return run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        if error.name not in {"cyclopts", "rich", "tomli_w"}:
            raise
        say("error: the command line is an extra: pip install 'cloudflow-async[cli]'")
        return MISUSED
