"""The pages that people see, as HTML; `journeys/test_consent_page.py` looks at them."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from cloudflow_async.emulator.base.problems import Reply
from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.oauth import consent
from cloudflow_async.emulator.oauth.authorization import AuthorizationRequest, WayBack
from cloudflow_async.emulator.oauth.clients import ClientBook

HOSTILE = "\"'><script>alert(1)</script>&amp;\udcff"


def request(
    name: str = "Demo app",
    *,
    scopes: frozenset[str] = frozenset({"workflows:read"}),
    redirect_uri: str = "https://app.example:8443/callback?x=1",
) -> AuthorizationRequest:
    """Return what an application asks for."""
    client = ClientBook(0).add("app", name=name)
    way_back = WayBack(redirect_uri, "xyz", "http://127.0.0.1:8787")
    return AuthorizationRequest(client, way_back, scopes, "challenge")


def page(reply: Reply) -> str:
    """Return the text of a page."""
    assert reply.raw is not None
    return reply.raw.decode()


class Reader(HTMLParser):
    """Notes the tags of a page and what is in the attributes of inputs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.inputs: dict[str | None, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "input":
            self.inputs[values["name"]] = values["value"]


def test_each_scope_is_explained_in_the_words_of_the_document() -> None:
    """In its order, and only those that are asked for."""
    everything = page(consent.question(request(scopes=frozenset(SCOPES)), transaction="t"))
    one = page(consent.question(request(), transaction="t"))
    items = re.findall("<li>(.*?) <code>(.*?)</code></li>", everything)

    assert [scope for _, scope in items] == list(SCOPES)
    assert items[0] == ("Read workflow configurations", "workflows:read")
    assert items[-1] == ("Full administrative access", "admin:full")
    assert one.count("<li>") == 1


def test_the_page_says_who_asks_and_where_the_answer_goes() -> None:
    """Name, id, and the host of the redirect URI or its private scheme."""
    web = page(consent.question(request("Acme"), transaction="t"))
    private = request(redirect_uri="com.example.app:/callback")

    assert "<strong>Acme</strong> (<code>app</code>)" in web
    assert "<strong>app.example:8443</strong>" in web
    assert "<strong>com.example.app:</strong>" in page(consent.question(private, transaction="t"))


def test_the_form_carries_the_transaction_and_proposes_a_name() -> None:
    """The parameters of the request are not repeated in it."""
    text = page(consent.question(request(), transaction="t-1"))

    assert Reader(text).inputs == {"transaction": "t-1", "subject": "user-12345"}
    assert "challenge" not in text
    assert "xyz" not in text


def test_a_mistake_is_shown_where_the_field_is() -> None:
    """With the name that was entered, and as an error."""
    reply = consent.question(request(), transaction="t", subject="x y", wrong="A <name>.")
    text = page(reply)

    assert reply.status == 400
    assert '<p class="wrong" id="wrong">A &lt;name&gt;.</p>' in text
    assert 'aria-describedby="hint wrong" aria-invalid="true"' in text
    assert Reader(text).inputs["subject"] == "x y"
    assert "<title>Error: " in text


@pytest.mark.parametrize(
    "reply",
    [
        consent.question(request(HOSTILE), transaction="t", subject=HOSTILE, wrong=HOSTILE),
        consent.refusal(HOSTILE),
    ],
    ids=["question", "refusal"],
)
def test_nothing_from_outside_becomes_markup(reply: Reply) -> None:
    """Tags, quotes, entities and broken characters."""
    reader = Reader(page(reply))

    assert set(reader.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "p", "ul", "li"),
        *("strong", "code", "form", "input", "label", "button"),
    }
    assert reader.inputs.get("subject", HOSTILE.replace("\udcff", "?")) == HOSTILE.replace(
        "\udcff", "?"
    )


@pytest.mark.parametrize(
    "reply",
    [consent.question(request(), transaction="t"), consent.refusal("Because.")],
    ids=["question", "refusal"],
)
def test_pages_can_do_nothing_but_be_read_and_answered(reply: Reply) -> None:
    """No scripts, no frames, no storing, and one style sheet, which is known by its hash."""
    text, policy = page(reply), reply.headers["Content-Security-Policy"]
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Referrer-Policy"] == "same-origin"
    assert "style=" not in text


def test_a_refusal_is_a_400_with_its_reason() -> None:
    """And nothing to click."""
    reply = consent.refusal("The parameter client_id is missing.")

    assert reply.status == 400
    assert "<p>The parameter client_id is missing.</p>" in page(reply)
    assert Reader(page(reply)).inputs == {}
