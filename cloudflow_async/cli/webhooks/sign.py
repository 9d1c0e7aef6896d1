"""Sign and verify deliveries by hand."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Iterator, Sequence

from cloudflow_async._core.webhooks import sign_webhook
from cloudflow_async.cli.export.inputs import STANDARD_STREAM
from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.shared.errors import told
from cloudflow_async.cloudflow.events import verify_webhook

from .bodies import read_bytes
from .event_lines import event_json, event_line
from .secrets import SecretPlace


def sign(
    source: str,
    place: SecretPlace,
    *,
    message_id: str | None,
    timestamp: float | None,
    url: str | None,
) -> int:
    """Print the headers that prove a body.

    Args:
        source: File with the body, or ``-``.
        place: Where the secret lies.
        message_id: None: a new one.
        timestamp: In Unix seconds; None: now.
        url: Print a command instead that delivers there; None: the headers.

    Raises:
        CommandError: There is no secret or no body, or the id or the time cannot be signed.
    """
    with told():
        secret = place.read()
        headers = sign_webhook(
            read_bytes(source),
            secret=secret.reveal(),
            message_id=f"msg_{secrets.token_hex(12)}" if message_id is None else message_id,
            timestamp=time.time() if timestamp is None else timestamp,
            secret_encoding=place.encoding,
        )
    lines = [f"{name}: {value}" for name, value in headers.items()]
    _write("\n".join(lines) if url is None else _curl(lines, source, url))
    return 0


def verify(
    source: str,
    place: SecretPlace,
    *,
    headers: Sequence[str],
    headers_from: str | None,
    now: float | None,
    tolerance: float,
    as_json: bool,
) -> int:
    """Print the event of a delivery that can be trusted.

    Args:
        source: File with the body, or ``-``.
        place: Where the secret lies.
        headers: Each as ``name: value``.
        headers_from: File with further ones, or ``-``; None: there are none.
        now: The time, in Unix seconds; None: now.
        tolerance: Most seconds between `now` and the signed time, either way.
        as_json: Whether the line is JSON.

    Raises:
        CommandError: It cannot be trusted; the message says why.
    """
    if source == headers_from == STANDARD_STREAM:
        raise CommandError("body and headers cannot both be on standard input.")
    with told():
        secret = place.read()
        body = read_bytes(source)
        pairs = [_pair(line) for line in _lines(headers, headers_from)]
        event = verify_webhook(
            body,
            pairs,
            secrets=secret.reveal(),
            now=now,
            tolerance=tolerance,
            secret_encoding=place.encoding,
        )
    _write(event_json(event, body) if as_json else event_line(event))
    return 0


def _lines(headers: Sequence[str], headers_from: str | None) -> Iterator[str]:
    yield from headers
    if headers_from is not None:
        lines = read_bytes(headers_from).decode("latin-1").splitlines()
        yield from (line for line in lines if line.strip())


def _pair(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        # Not shown: it may be anything.
        raise CommandError("a header is written as name: value.")
    return name.strip(), value.strip()


def _curl(lines: Sequence[str], source: str, url: str) -> str:
    fields = [part for line in ["content-type: application/json", *lines] for part in ("-H", line)]
    return shlex.join(["curl", "-i", *fields, "--data-binary", f"@{source}", url])


def _write(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what the command is for
