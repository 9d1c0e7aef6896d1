"""What browsers are told about the pages that people see."""

from __future__ import annotations

import base64
import hashlib

from cloudflow_async.emulator.base.pages import CARD, LOOK, page
from cloudflow_async.emulator.base.problems import Reply


def policy(reply: Reply) -> list[str]:
    """Return the directives of a page."""
    return reply.headers["Content-Security-Policy"].split("; ")


def source(code: str) -> str:
    """Return how a policy names a piece of code."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def test_a_page_can_do_nothing_but_show_its_content() -> None:
    """One style sheet, which is known by its hash; nothing is loaded, framed or kept."""
    reply = page("A <title>", "<p>Content</p>")

    assert reply.status == 200
    assert reply.raw is not None
    assert b"<title>A &lt;title&gt; - CloudFlow emulator</title>" in reply.raw
    assert f"<style>{LOOK}{CARD}</style>".encode() in reply.raw
    assert b"<script" not in reply.raw
    assert policy(reply) == [
        "default-src 'none'",
        f"style-src {source(LOOK + CARD)}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    assert dict(reply.headers) | {"Content-Security-Policy": ""} == {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
    }


def test_a_script_is_named_by_its_hash_and_more_is_allowed_on_demand() -> None:
    """The policy lists exactly what the page was made with."""
    reply = page("T", "\udcff", status=400, style="", script="go()", head="<!-- -->", policy="x y")

    assert reply.status == 400
    assert reply.raw is not None
    assert b"<!-- --><style>" in reply.raw
    assert b"<main>\n?\n</main>\n<script>go()</script>\n" in reply.raw
    assert policy(reply)[1:4] == [
        f"style-src {source(LOOK)}",
        f"script-src {source('go()')}",
        "x y",
    ]
