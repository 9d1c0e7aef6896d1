"""The pages that people see: the question whether a client may have access, and why not."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from cloudflow_async.emulator.base.pages import CARD, page
from cloudflow_async.emulator.base.paths import AUTHORIZE_PATH
from cloudflow_async.emulator.base.problems import Reply

from .authorization import AuthorizationRequest

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

_STYLE = (
    CARD
    + """
ul { padding: 0; list-style: none; }
li { padding: .4rem 0; border-top: 1px solid var(--page); }
li code { display: block; color: var(--quiet); }
label { display: block; font-weight: 600; }
input { width: 100%; margin: .25rem 0 .5rem; padding: .6rem; font: inherit; color: inherit;
  background: var(--card); border: 1px solid var(--line); border-radius: .4rem; }
.answers { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0; }
.answers button { flex: 1 1 8rem; }
button.allow { color: var(--on-strong); background: var(--strong); }
"""
)

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
    # No form-action: browsers would hold the redirect that follows the form against it.
    return page(title, content, status=status, style=_STYLE)


def _destination(redirect_uri: str) -> str:
    """Return what a person can tell about an address: the host, or a private scheme."""
    parts = urlsplit(redirect_uri)
    return parts.netloc or f"{parts.scheme}:"
