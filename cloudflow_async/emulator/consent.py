"""The pages that people see: the question whether a client may have access, and why not."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from urllib.parse import urlsplit

from .authorization import AuthorizationRequest
from .problems import Reply
from .routes import AUTHORIZE_PATH

SUBJECT = "user-12345"
"""Whom the page proposes to sign in as: the document's own sample of a user."""

LONGEST_SUBJECT = 64
"""Characters that a person's name may have."""

_MEANINGS = {
    "workflows:read": "Read workflow configurations",
    "workflows:write": "Create and modify workflows",
    "pipelines:read": "Read pipeline data",
    "pipelines:write": "Create and manage pipelines",
    "analytics:read": "Access analytics and metrics",
    "admin:full": "Full administrative access",
}
"""The words of the API document ("Supported Scopes")."""

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #4a5560; --page: #f3f5f8;
  --card: #fff; --line: #767f89; --strong: #0b57a4; --on-strong: #fff; --wrong: #a3161d; }
@media (prefers-color-scheme: dark) { :root { --text: #eef1f5; --quiet: #b4bdc8; --page: #12161b;
  --card: #1d232b; --line: #8a95a3; --strong: #8ec4ff; --on-strong: #0a1a2b; --wrong: #ff9a9f; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 30rem; margin: 0 auto; padding: 1.5rem; background: var(--card);
  border-radius: .75rem; }
h1 { margin: 0 0 1rem; font-size: 1.4rem; line-height: 1.25; }
p, ul { margin: 0 0 1rem; }
ul { padding: 0; list-style: none; }
li { padding: .4rem 0; border-top: 1px solid var(--page); }
code { font: .875rem ui-monospace, monospace; }
li code { display: block; color: var(--quiet); }
.quiet { color: var(--quiet); font-size: .9rem; }
.wrong { color: var(--wrong); font-weight: 600; }
label { display: block; font-weight: 600; }
input { width: 100%; margin: .25rem 0 .5rem; padding: .6rem; font: inherit; color: inherit;
  background: var(--card); border: 1px solid var(--line); border-radius: .4rem; }
.answers { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0; }
button { flex: 1 1 8rem; min-height: 2.75rem; padding: .5rem 1rem; font: inherit;
  font-weight: 600; cursor: pointer; color: var(--strong); background: var(--card);
  border: 2px solid var(--strong); border-radius: .4rem; }
button.allow { color: var(--on-strong); background: var(--strong); }
:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px; }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    # No form-action: browsers would hold the redirect that follows the form against it.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    # With no-referrer browsers would send the form with "Origin: null", which is foreign.
    "Referrer-Policy": "same-origin",
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - CloudFlow emulator</title>
<style>{style}</style>
</head>
<body>
<main>
{content}
</main>
</body>
</html>
"""

_QUESTION = """<h1>Allow {name} to use CloudFlow for you?</h1>
<p><strong>{name}</strong> (<code>{client_id}</code>) asks for access. It will be able to:</p>
<ul>
{scopes}
</ul>
<p>The answer goes to <strong>{destination}</strong>.</p>
<form method="post" action="{action}">
<input type="hidden" name="transaction" value="{transaction}">
<label for="subject">Sign in as</label>
<input type="text" id="subject" name="subject" value="{subject}" required maxlength="{longest}"
 autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="hint{wrong_id}"\
{invalid}>
{wrong}<p class="quiet" id="hint">This is an emulator: any name will do, there is no password.</p>
<p class="answers">
<button class="allow" name="decision" value="allow">Allow</button>
<button name="decision" value="deny" formnovalidate>Deny</button>
</p>
</form>"""

_REFUSAL = """<h1>This request cannot be answered</h1>
<p>{reason}</p>
<p class="quiet">Nothing was allowed, and nothing was sent to anybody. Go back to the application
that brought you here and try again; if you wrote it, the reason says what to change.</p>"""


def question(
    request: AuthorizationRequest, *, transaction: str, subject: str = SUBJECT, wrong: str = ""
) -> Reply:
    """Return the page that asks.

    Args:
        request: What is asked for.
        transaction: What the form sends back in place of the request.
        subject: What stands in the field for the person's name.
        wrong: What was wrong with the last answer; nothing: it is asked for the first time.
    """
    client = request.client
    content = _QUESTION.format(
        action=AUTHORIZE_PATH,
        name=escape(client.name),
        client_id=escape(client.client_id),
        scopes="\n".join(
            f"<li>{meaning} <code>{scope}</code></li>"
            for scope, meaning in _MEANINGS.items()
            if scope in request.scopes
        ),
        destination=escape(_destination(request.way_back.redirect_uri)),
        transaction=escape(transaction),
        subject=escape(subject),
        longest=LONGEST_SUBJECT,
        wrong_id=" wrong" if wrong else "",
        invalid=' aria-invalid="true" autofocus' if wrong else "",
        wrong=f'<p class="wrong" id="wrong">{escape(wrong)}</p>\n' if wrong else "",
    )
    title = ("Error: " if wrong else "") + f"Allow {client.name}?"
    return _page(title, content, status=400 if wrong else 200)


def refusal(reason: str) -> Reply:
    """Return the page that says why nobody is asked."""
    title = "This request cannot be answered"
    return _page(title, _REFUSAL.format(reason=escape(reason)), status=400)


def _page(title: str, content: str, *, status: int) -> Reply:
    html = _PAGE.format(title=escape(title), style=_STYLE, content=content)
    return Reply(status=status, raw=html.encode("utf-8", "replace"), headers=_HEADERS)


def _destination(redirect_uri: str) -> str:
    """Return what a person can tell about an address: the host, or a private scheme."""
    parts = urlsplit(redirect_uri)
    return parts.netloc or f"{parts.scheme}:"
