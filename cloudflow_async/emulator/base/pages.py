"""The look that all pages for people share, and what browsers are told about them."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from .problems import Reply

LOOK = """
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #4a5560; --page: #f3f5f8;
  --card: #fff; --line: #767f89; --strong: #0b57a4; --on-strong: #fff; --wrong: #a3161d; }
@media (prefers-color-scheme: dark) { :root { --text: #eef1f5; --quiet: #b4bdc8; --page: #12161b;
  --card: #1d232b; --line: #8a95a3; --strong: #8ec4ff; --on-strong: #0a1a2b; --wrong: #ff9a9f; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0 0 1rem; font-size: 1.4rem; line-height: 1.25; }
p, ul { margin: 0 0 1rem; }
code { font: .875rem ui-monospace, monospace; }
.quiet { color: var(--quiet); font-size: .9rem; }
.wrong { color: var(--wrong); font-weight: 600; }
button { min-height: 2.75rem; padding: .5rem 1rem; font: inherit; font-weight: 600;
  cursor: pointer; color: var(--strong); background: var(--card);
  border: 2px solid var(--strong); border-radius: .4rem; }
:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px; }
"""
"""Colours, type and controls."""

CARD = """
main { max-width: 30rem; margin: 0 auto; padding: 1.5rem; background: var(--card);
  border-radius: .75rem; }
"""
"""A page that says or asks one thing."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - CloudFlow emulator</title>
{head}<style>{style}</style>
</head>
<body>
<main>
{content}
</main>
{script}</body>
</html>
"""


def page(
    title: str,
    content: str,
    *,
    status: int = 200,
    style: str = CARD,
    script: str = "",
    head: str = "",
    policy: str = "",
) -> Reply:
    """Return a page that nobody else can frame, keep, or make do more than it says.

    Args:
        title: Text, not yet escaped.
        content: HTML of what is in `main`.
        status: Of the answer.
        style: CSS after the common look.
        script: The one script that it may run; nothing: none.
        head: HTML for the head.
        policy: Further directives of its Content-Security-Policy.
    """
    style = LOOK + style
    html = _PAGE.format(
        title=escape(title),
        head=head,
        style=style,
        content=content,
        script=f"<script>{script}</script>\n" if script else "",
    )
    directives = [
        "default-src 'none'",
        f"style-src {_source(style)}",
        *([f"script-src {_source(script)}"] if script else []),
        *([policy] if policy else []),
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "; ".join(directives),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        # With no-referrer browsers would send forms with "Origin: null", which is foreign.
        "Referrer-Policy": "same-origin",
    }
    return Reply(status=status, raw=html.encode("utf-8", "replace"), headers=headers)


def _source(code: str) -> str:
    """Return how a policy names one piece of inline code."""
    digest = hashlib.sha256(code.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
