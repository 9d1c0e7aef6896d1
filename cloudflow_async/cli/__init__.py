"""The command ``cloudflow`` (extra ``cli``).

From the command that was typed down to what all of them share:

    app             finds the command and runs it
    commands/       one file for each command: its options, their limits and their help
    export/         `export`: what is read, with a checkpoint, and the timeline of a run
        output/     what is written: CSV, JSON lines or Parquet; one file, several, or stdout
        display/    the progress bar, the summary and the pictures
    emulator/       `emulator`: serve it until Ctrl-C, with sample data
    account/        `login` and `whoami`: profiles, the consent page, who one is
    webhooks/       `webhooks`: register, sign, verify, listen and forward
    workflows/      `trigger`: start a run and wait for it
    shared/         console, credentials, errors, signals, common options

What costs time to import is imported by the command that needs it.
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
