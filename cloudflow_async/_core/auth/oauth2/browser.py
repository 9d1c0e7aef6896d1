"""Open a person's web browser, where there is one, without a word in their terminal."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading

from cloudflow_async._core.errors import CloudFlowError
from cloudflow_async._core.http.urls import check_base_url, origin

_LOG = logging.getLogger("cloudflow_async.auth")

_TEXT_BROWSERS = {"elinks", "links", "links2", "lynx", "w3m", "www-browser"}
"""They would take the terminal over in which somebody reads what to do next."""

_SECONDS_TO_FAIL = 2.0
"""A program that still runs by then is the browser itself."""


async def open_in_browser(url: str) -> bool:
    """Open `url` in the browser that the system prefers; return whether that seems to have worked.

    False wherever the person surely would not see it: without a screen, in a session over SSH, in
    a text browser; and for a `url` that is neither https nor http on this machine.  It never
    raises.  Cancelling does not close a browser that has been started.
    """
    if not _may_be_opened(url) or not _has_screen():
        return False
    return await asyncio.to_thread(_open, url)


def _may_be_opened(url: str) -> bool:
    try:
        check_base_url(str(origin(url)))
    except CloudFlowError:
        return False
    return True


def _has_screen() -> bool:
    """Return whether a window can come up in front of the person, as far as one can know."""
    # Whoever names a browser knows: editors that work on another machine bring their own.
    if any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")):
        return True
    return sys.platform in {"darwin", "win32"} and not os.environ.get("SSH_CONNECTION")


def _open(url: str) -> bool:
    try:
        return _ask_system(url)
    except Exception as error:  # noqa: BLE001 - programs can register browsers of their own
        # The error itself may show the URL.
        _LOG.debug("No browser could be opened (%s).", type(error).__name__)
        return False


def _ask_system(url: str) -> bool:
    import webbrowser  # noqa: PLC0415 - looks for all browsers there are

    browser = webbrowser.get()
    # Of these, webbrowser.open() lets the output through to the terminal, and takes a program
    # that fails a moment later for one that works.
    if isinstance(browser, webbrowser.GenericBrowser | webbrowser.UnixBrowser):
        return _start([browser.name, *(part.replace("%s", url) for part in browser.args)])
    return browser.open(url)


def _start(command: list[str]) -> bool:
    if os.path.basename(command[0]) in _TEXT_BROWSERS:
        return False
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603 - what the system or the person prefers
        command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        return process.wait(_SECONDS_TO_FAIL) == 0
    except subprocess.TimeoutExpired:
        # Waited for by somebody, it leaves no zombie; in a daemon, it keeps no program alive.
        threading.Thread(target=process.wait, name="cloudflow browser", daemon=True).start()
        return True
