"""Verify one delivery, from bytes to an event: ``python -m benchmarks.webhooks [rounds]``.

Beside the Standard Webhooks library, where it is installed.  Its `verify` returns the JSON that
`json.loads` makes of the body; ours reads strictly, checks the data and returns a typed event.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.measure import Table, interleave, say, table
from cloudflow_async._core.webhooks import (
    check_keys,
    find_keys,
    parse_event,
    sign_webhook,
    verify_delivery,
)
from cloudflow_async.cloudflow.events import EVENTS, verify_webhook

_CALLS = 500
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_OTHER_HEADERS = {
    "Host": "your-app.com",
    "User-Agent": "CloudFlow-Webhooks/1.0",
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
    "Content-Type": "application/json",
    "Content-Length": "245",
}
_BODY = json.dumps(
    {
        "event": "workflow.completed",
        "timestamp": "2026-01-24T10:45:00Z",
        "data": {
            "workflow_id": "wf_8x7k2m9p",
            "execution_id": "exec_9k3m7n2q",
            "status": "completed",
            "duration_ms": 3420,
            "records_processed": 1247,
        },
    },
    indent=2,
).encode()


def run(rounds: int = 51) -> Table:
    """Return the table; its first row, the floor of the ratios, is the library's."""
    headers = _OTHER_HEADERS | sign_webhook(
        _BODY, secret=_SECRET, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=time.time()
    )
    runs = {name: _seconds(verify, headers) for name, verify in _verifiers().items()}
    title = f"Verify a delivery, {len(_BODY):,} bytes, {len(headers)} headers"
    return table(title, interleave(runs, rounds), unit="us", scale=1e6, what="CPU")


def _seconds(verify: Callable[[dict[str, str]], Any], headers: dict[str, str]) -> Any:
    def seconds() -> float:
        gc.collect()
        begin = time.process_time()
        for _ in range(_CALLS):
            verify(headers)
        return (time.process_time() - begin) / _CALLS

    return seconds


def _verifiers() -> dict[str, Callable[[dict[str, str]], Any]]:
    keys = check_keys(find_keys(_SECRET, "base64"))

    def delivery(headers: dict[str, str]) -> Any:
        return verify_delivery(_BODY, headers, secrets=keys, now=time.time())

    return _library() | {
        "ours, the signature alone": delivery,
        "ours, into a generic event": lambda headers: parse_event(delivery(headers), {}),
        "ours, into a typed event": lambda headers: parse_event(delivery(headers), EVENTS),
        "ours, verify_webhook, reads the secret": lambda headers: verify_webhook(
            _BODY, headers, secrets=_SECRET
        ),
    }


def _library() -> dict[str, Callable[[dict[str, str]], Any]]:
    try:
        webhook = importlib.import_module("standardwebhooks").Webhook(_SECRET)
    except ModuleNotFoundError as error:
        say(f"without the Standard Webhooks library: {error}")
        return {}
    return {
        "standardwebhooks, the signature alone": lambda headers: webhook.verify(
            _BODY, headers, json_parse=False
        ),
        "standardwebhooks, into a dict": lambda headers: webhook.verify(_BODY, headers),
    }


if __name__ == "__main__":
    print(run(*map(int, sys.argv[1:])))
