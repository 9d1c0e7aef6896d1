"""The grammar of the command line: its commands, and how mistakes in one are reported."""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App, CycloptsError, UnknownOptionError, UnusedCliTokensError

from cloudflow_async._core.support.version import VERSION

from .commands.emulator import emulator
from .commands.export import export
from .commands.login import login, logout, whoami
from .commands.trigger import trigger
from .commands.webhooks import webhooks
from .shared.console import MISUSED, CommandError, say
from .shared.warnings import warnings_told
from .webhooks.bodies import NEVER_ARGUMENTS, names_a_secret

app: App = App(
    name="cloudflow",
    help="The CloudFlow API on the command line, and an emulator of it that needs no network.",
    version=f"cloudflow-async {VERSION}",
    version_format="plaintext",
    help_format="plaintext",
    result_action="return_int_as_exit_code_else_zero",
    suppress_keyboard_interrupt=False,
)
app.command(
    export,
    help_format="markdown",  # fills lines anew, which plain text does not
    usage="Usage: cloudflow export [OPTIONS] [PIPELINE_IDS...]",
)
app.command(emulator, help_format="markdown")
app.command(login, help_format="markdown")
app.command(logout, help_format="markdown")
app.command(whoami, help_format="markdown")
app.command(webhooks)
app.command(trigger, help_format="markdown", usage="Usage: cloudflow trigger [OPTIONS] WORKFLOW_ID")


def run(arguments: Sequence[str] | None) -> int:
    """Run a command and return its exit status; mistakes and failures become one line."""
    try:
        with warnings_told():
            status: int = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        say(f"error: {_in_one_line(_mistake(error))}")
        return MISUSED
    except CommandError as error:
        say(f"error: {_in_one_line(str(error))}")
        return error.status
    return status


def _mistake(error: CycloptsError) -> str:
    text = _wording(error)
    if isinstance(error, UnknownOptionError | UnusedCliTokensError):
        given = error.root_input_tokens or ()
        hint = f" {NEVER_ARGUMENTS}" if any(map(names_a_secret, given)) else ""
        return text + hint
    return text


def _wording(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        # Not shown: it may be a secret, whose option was misspelled or is not there.
        return "there is an argument too many; --help tells what this command takes."
    text = str(error)
    for given in error.root_input_tokens or ():
        if given.startswith("--"):
            text = text.replace(given, given.partition("=")[0])
    return text


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
