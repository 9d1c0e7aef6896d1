"""Answers to people who look at what happened: the inspection page, and its one action.

The page shows what others sent, so only this machine gets it, under a loopback name.  Reading it
leaves no trace: it is neither counted nor recorded, and no fault hits it.
"""

from __future__ import annotations

import secrets

from aiohttp import web

from cloudflow_async.emulator.base.paths import INSPECTION_PATH, REDELIVERY_PATH
from cloudflow_async.emulator.base.problems import Problem, Reply
from cloudflow_async.emulator.base.request_log import RequestLog
from cloudflow_async.emulator.deliveries.dispatcher import Dispatcher
from cloudflow_async.emulator.http.origin_check import is_loopback_peer
from cloudflow_async.emulator.oauth.parameters import read_form

from . import page

_METHODS = {INSPECTION_PATH: "GET", REDELIVERY_PATH: "POST"}
_TOKEN_BYTES = 32


class Inspection:
    """Answers what goes to `/_emulator`.

    Args:
        request log: The requests.
        dispatcher: The deliveries.
    """

    def __init__(self, request_log: RequestLog, dispatcher: Dispatcher) -> None:
        self._request_log = request_log
        self._dispatcher = dispatcher
        # Not from the seed: it is what other web pages cannot know.
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)

    def handle(self, request: web.BaseRequest, body: bytes) -> Reply:
        """Answer one request whose Host and Origin are this server's.

        Raises:
            Problem: From elsewhere, or no such path or method; answered as in the API.
        """
        if not is_loopback_peer(request.remote):
            raise Problem(403, "The inspection page is for the machine that the emulator runs on")
        path = request.raw_path.partition("?")[0]
        method = _METHODS.get(path)
        if method is None:
            raise Problem(404)
        if request.method != method:
            raise Problem(405, headers={"Allow": method})
        if method == "GET":
            return self._show(request)
        return self._redeliver(body, request.headers.get("Content-Type"))

    def _show(self, request: web.BaseRequest) -> Reply:
        return page.inspection(
            self._request_log.entries(),
            self._dispatcher.recorded(),
            token=self._token,
            base=f"http://{request.host}",
            resent=request.query.get("resent"),
        )

    def _redeliver(self, body: bytes, content_type: str | None) -> Reply:
        """Deliver once more, and show the page again."""
        try:
            form = read_form(body, content_type)
        except ValueError as error:
            return page.refusal(400, "This cannot be read", f"The form: {error}.")
        token, delivery_id = form.get("token") or "", form.get("delivery") or ""
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            return page.refusal(
                403, "This page is out of date", "It was made before the emulator started anew."
            )
        try:
            self._dispatcher.redeliver(delivery_id)
        except KeyError:
            reason = "The emulator was reset since the page was made, and has forgotten it."
            return page.refusal(404, "There is no such delivery", reason)
        return Reply(status=303, headers={"Location": f"{INSPECTION_PATH}?resent={delivery_id}"})
