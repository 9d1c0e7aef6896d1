"""The inspection page: what arrived, and what was delivered, for people who look for a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from cloudflow_async.emulator.base.pages import page
from cloudflow_async.emulator.base.paths import INSPECTION_PATH, PREFIX, REDELIVERY_PATH
from cloudflow_async.emulator.base.problems import Reply
from cloudflow_async.emulator.base.redaction import (
    shown_body,
    shown_header,
    shown_query,
    shown_text,
    shown_url,
)
from cloudflow_async.emulator.base.request_log import RecordedRequest
from cloudflow_async.emulator.deliveries.deliveries import DeliveryAttempt, RecordedDelivery

from .look import SCRIPT, STYLE

MOST_REQUESTS = 200
MOST_DELIVERIES = 100
"""The newest ones; all are in `Emulator.requests` and `Emulator.deliveries`."""

_MOST_ATTEMPTS = 10
_LONGEST_BODY = 2048
_LONGEST_VALUE = 512
_LONGEST_LINE = 160

# Browsers would ask for /favicon.ico otherwise, and that would be one of the requests shown.
_HEAD = '<link rel="icon" href="data:,">\n'
_POLICY = "connect-src 'self'; form-action 'self'; img-src data:"

_CONTENT = """<h1>What happened in the CloudFlow emulator</h1>
<div class="bar">
<a href="#requests">Requests</a> <a href="#deliveries">Deliveries</a>
<a href="{path}">Reload</a>
<button type="button" id="pause" hidden>Pause</button>
<span class="quiet" id="updates" role="status">Reload to see what is new.</span>
</div>
{requests}
{deliveries}"""

_REQUEST_HEADS = ("Request", "Time (UTC)", "Status", "Caller", "Requests left", "Body")
_DELIVERY_HEADS = ("Event", "Time (UTC)", "State", "Attempts", "Action")

_STATES = {
    "pending": "pending",
    "delivered": "delivered",
    "failed": '<span class="wrong">failed</span>',
    "disabled": '<span class="wrong">webhook disabled</span>',
}

_SECTION = """<section id="{id}" aria-labelledby="{id}-title">
<h2 id="{id}-title">{title}</h2>
{content}
</section>"""

# The roles are those that the elements have anyway, until they are laid out as cards.
_TABLE = """<p class="quiet count">{count}</p>
<table role="table" aria-labelledby="{id}-title">
<thead role="rowgroup"><tr role="row">{heads}</tr></thead>
<tbody role="rowgroup">
{rows}
</tbody>
</table>"""

_NO_REQUESTS = f"""<p>No request has arrived yet. Send one with a key of this emulator:
<code>curl -H "X-API-Key: $CLOUDFLOW_API_KEY" {{base}}{PREFIX}/workflows</code></p>"""

_NO_DELIVERIES = f"""<p>Nothing has been delivered yet. Register a webhook with
<code>POST {PREFIX}/webhooks</code>, then start its workflow with
<code>POST {PREFIX}/webhooks/{{workflow_id}}/trigger</code>, or call
<code>emulator.emit()</code> in a test.</p>"""

_RESEND = """<form method="post" action="{path}">
<input type="hidden" name="token" value="{token}">
<input type="hidden" name="delivery" value="{id}">
<button id="resend-{id}"{focus}>Resend<span class="aloud"> {event}, {id}</span></button>
</form>{note}"""

_NOTE = '\n<p class="note" id="note">Sent again: see its last attempt.</p>'

_REFUSAL = """<h1>{title}</h1>
<p>{reason}</p>
<p><a href="{path}">Show what happened in the emulator</a></p>"""


def inspection(
    requests: Sequence[RecordedRequest],
    deliveries: Sequence[RecordedDelivery],
    *,
    token: str,
    base: str,
    resent: str | None = None,
) -> Reply:
    """Return the page.

    Args:
        requests: All, oldest first.
        deliveries: All, oldest first.
        token: What the forms prove with that they come from this page.
        base: Where the emulator is, such as `http://127.0.0.1:8787`.
        resent: Id of a delivery that was just sent again.
    """
    content = _CONTENT.format(
        path=INSPECTION_PATH,
        requests=_requests(requests, base),
        deliveries=_deliveries(deliveries, token, resent),
    )
    return page("Inspection", content, style=STYLE, script=SCRIPT, head=_HEAD, policy=_POLICY)


def refusal(status: int, title: str, reason: str) -> Reply:
    """Return the page that says why nothing was done."""
    content = _REFUSAL.format(title=escape(title), reason=escape(reason), path=INSPECTION_PATH)
    return page(title, content, status=status, head=_HEAD, policy=_POLICY)


def _requests(requests: Sequence[RecordedRequest], base: str) -> str:
    newest = requests[: -MOST_REQUESTS - 1 : -1]
    content = (
        _table("requests", _REQUEST_HEADS, map(_request_row, newest), len(requests))
        if newest
        else _NO_REQUESTS.format(base=escape(base))
    )
    return _SECTION.format(id="requests", title="Requests", content=content)


def _deliveries(deliveries: Sequence[RecordedDelivery], token: str, resent: str | None) -> str:
    newest = deliveries[: -MOST_DELIVERIES - 1 : -1]
    rows = (_delivery_row(delivery, token, is_new=delivery.id == resent) for delivery in newest)
    content = (
        _table("deliveries", _DELIVERY_HEADS, rows, len(deliveries)) if newest else _NO_DELIVERIES
    )
    return _SECTION.format(id="deliveries", title="Deliveries", content=content)


def _table(identifier: str, heads: Iterable[str], rows: Iterable[str], total: int) -> str:
    shown = list(rows)
    count = f"{total}, newest first"
    if len(shown) < total:
        count = f"The newest {len(shown)} of {total}, newest first"
    return _TABLE.format(
        id=identifier,
        count=count,
        heads="".join(f'<th role="columnheader" scope="col">{head}</th>' for head in heads),
        rows="\n".join(shown),
    )


def _row(identifier: str, heads: Sequence[str], cells: Sequence[str]) -> str:
    """Return a row whose first cell is the one that can be opened."""
    first = f'<td role="cell" class="first">{cells[0]}</td>'
    others = (
        f'<td role="cell" data-label="{head}"><div>{cell}</div></td>'
        for head, cell in zip(heads[1:], cells[1:], strict=True)
    )
    return f'<tr role="row" id="{identifier}">{first}{"".join(others)}</tr>'


def _request_row(request: RecordedRequest) -> str:
    line = f"{request.method} {request.path}{shown_query(request.query.items())}"
    details = _facts(
        {
            "Request": shown_text(line),
            "Request id": request.request_id,
            "Connection": str(request.connection),
            "Endpoint": request.route or "none",
        }
    )
    details += _block("Headers", "\n".join(_header_lines(request.headers.items())))
    details += _body(request.body, form=_is_form(request.headers.get("Content-Type", "")))
    return _row(
        request.request_id,
        _REQUEST_HEADS,
        [
            _opening(request.request_id, shown_text(line), details),
            _instant(request.received_at),
            _status(request.status, "none"),
            escape(shown_text(request.identity or "unknown")),
            _figure(request.rate_limit_remaining, "not counted"),
            f'<span class="figure">{_size(request.body)}</span>',
        ],
    )


def _delivery_row(delivery: RecordedDelivery, token: str, *, is_new: bool) -> str:
    target = escape(_short(shown_url(delivery.url), _LONGEST_LINE))
    details = _facts(
        {
            "webhook-id": delivery.id,
            "Webhook": delivery.webhook_id,
            "Account": shown_text(delivery.account),
            "URL": shown_url(delivery.url),
        }
    )
    details += _body(delivery.body, form=False)
    details += "".join(map(_answer, delivery.attempts[-_MOST_ATTEMPTS:]))
    event = escape(_short(shown_text(delivery.event), _LONGEST_LINE))
    return _row(
        delivery.id,
        _DELIVERY_HEADS,
        [
            _opening(delivery.id, shown_text(delivery.event), details)
            + f'<div class="quiet">to {target}</div>',
            _instant(delivery.created_at),
            _STATES[delivery.state],
            _attempts(delivery),
            _RESEND.format(
                path=REDELIVERY_PATH,
                token=token,
                id=delivery.id,
                event=event,
                focus=' autofocus aria-describedby="note"' if is_new else "",
                note=_NOTE if is_new else "",
            ),
        ],
    )


def _opening(identifier: str, summary: str, details: str) -> str:
    line = escape(_short(summary, _LONGEST_LINE))
    return (
        f'<details><summary id="open-{identifier}"><code>{line}</code></summary>{details}</details>'
    )


def _attempts(delivery: RecordedDelivery) -> str:
    hidden = len(delivery.attempts) - _MOST_ATTEMPTS
    items = [f"{hidden} earlier ones"] if hidden > 0 else []
    items += [
        f"{_instant(attempt.at)} {_result(attempt)}"
        for attempt in delivery.attempts[-_MOST_ATTEMPTS:]
    ]
    if delivery.next_attempt_at is not None:
        items.append(f'<span class="quiet">next {_instant(delivery.next_attempt_at)}</span>')
    return f"<ol>{''.join(f'<li>{item}</li>' for item in items)}</ol>"


def _result(attempt: DeliveryAttempt) -> str:
    if attempt.error is not None:
        return f'<span class="wrong">{escape(shown_text(attempt.error))}</span>'
    return _status(attempt.status, "on its way")


def _answer(attempt: DeliveryAttempt) -> str:
    if not attempt.answer:
        return ""
    title = f"Answer {attempt.status}" if attempt.status is not None else "Answer that was lost"
    return _block(f"{title}, {_instant(attempt.at)}", shown_body(attempt.answer, form=False))


def _status(status: int | None, missing: str) -> str:
    if status is None:
        return f'<span class="quiet">{missing}</span>'
    return str(status) if status < 400 else f'<span class="wrong">{status}</span>'


def _figure(value: int | None, missing: str) -> str:
    return f'<span class="quiet">{missing}</span>' if value is None else str(value)


def _facts(facts: dict[str, str]) -> str:
    pairs = (f"<dt>{term}</dt><dd><code>{escape(fact)}</code></dd>" for term, fact in facts.items())
    return f"<dl>{''.join(pairs)}</dl>"


def _body(body: bytes, *, form: bool) -> str:
    if not body:
        return ""
    title = f"Body, {_size(body)}"
    if len(body) > _LONGEST_BODY:
        title += f", the first {_LONGEST_BODY} of them"
    return _block(title, shown_body(body[:_LONGEST_BODY], form=form))


def _block(title: str, text: str) -> str:
    # A parser takes the line end after <pre> away: one that belongs to the text would be lost.
    return f"<div>{title}</div><pre>\n{escape(text)}</pre>"


def _header_lines(headers: Iterable[tuple[str, str]]) -> Iterable[str]:
    for name, value in headers:
        yield f"{shown_text(name)}: {_short(shown_header(name, value), _LONGEST_VALUE)}"


def _is_form(content_type: str) -> bool:
    return content_type.lower().startswith("application/x-www-form-urlencoded")


def _size(body: bytes) -> str:
    return "1 byte" if len(body) == 1 else f"{len(body)} bytes"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _instant(seconds: float) -> str:
    """Return an instant as people read it; a clock of a test may show anything."""
    try:
        instant = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return f"<time>{seconds}</time>"
    text = instant.strftime("%Y-%m-%d %H:%M:%S")
    return f"<time>{text}.{instant.microsecond // 1000:03}</time>"
