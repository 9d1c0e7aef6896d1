"""The progress bar on a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.text import Text

from cloudflow_async.cli.export.counts import Tally


class Bar:
    """A bar and a line of facts below it; both disappear when the export ends."""

    def __init__(self, console: Console | None = None) -> None:
        self._live = Live(
            console=console or Console(stderr=True),
            # A thread of rich's own would write while the export puts the terminal in order.
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, tally: Tally) -> None:
        """Draw how it stands."""
        bar = ProgressBar(total=1.0, completed=tally.share_done(), complete_style="cyan")
        # A bar does not end its line; padding it does.
        self._live.update(Group(Padding(bar), Text(", ".join(tally.facts()))), refresh=True)
