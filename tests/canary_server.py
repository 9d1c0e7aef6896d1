"""An API and a token endpoint that fail in all ways, and repeat the credentials they are sent."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

import attrs

from tests.canaries import NEXT_ACCESS_TOKEN, NEXT_REFRESH_TOKEN, Lookout
from tests.raw_server import Peer, RawServer, Sent

Answer = Callable[[Peer, Sent], Awaitable[None]]
"""What a server does with one request."""

_CREDENTIAL = re.compile(rb"(?im)^(?:x-api-key: |authorization: \w+ )(.*?)\r$")
_DOCUMENTS = Path(__file__).parent / "documents" / "cloudflow"
_SAMPLES = {
    ("GET", "/workflows"): "list_workflows.200.json",
    ("GET", "/executions"): "list_executions.200.json",
    ("GET", "/metrics"): "workflow_metrics.200.json",
    ("GET", "/wf_1"): "get_workflow.200.json",
    ("POST", "/workflows"): "create_workflow.201.json",
    ("PATCH", "/wf_1"): "update_workflow.200.json",
}


def http(
    status: int,
    body: object = b"",
    headers: Mapping[str, str] | None = None,
    *,
    reason: str = "X",
) -> bytes:
    """Return an answer; a body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Length": str(len(data)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1") + data


def credential(sent: Sent) -> str:
    """Return what signed a request."""
    match = _CREDENTIAL.search(sent.head)
    return "" if match is None else match[1].decode("latin-1")


def form(sent: Sent) -> dict[str, str]:
    """Return the fields of a token request."""
    return dict(parse_qsl(sent.body.decode(), keep_blank_values=True))


def saying(status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Return what always answers the same."""

    async def answer(peer: Peer, sent: Sent) -> None:
        await peer.send(http(status, body, headers))

    return answer


def refusing(status: int, code: str) -> Answer:
    """Return what answers with an error as the API document shows it."""
    return saying(status, {"error": {"code": code, "message": "No.", "retry_after": 1}})


def repeating(status: int, write: Callable[[str, str], bytes]) -> Answer:
    """Return what repeats credential and body wherever they are shown.

    Args:
        status: Of the answer.
        write: Makes the body of credential and request body.
    """

    async def answer(peer: Peer, sent: Sent) -> None:
        key, body = credential(sent), sent.body.decode("latin-1")
        headers = {
            "X-Request-Id": key,
            "Retry-After": key,
            "WWW-Authenticate": f'Bearer realm="{key}"',
            "Location": f"/v2/{quote(key, safe='')}?key={key}",
            "Content-Type": f"text/{key}",
        }
        await peer.send(http(status, write(key, body), headers, reason=key))

    return answer


def as_error(key: str, body: str) -> bytes:
    """Return the documented error with credential and body in each of its fields."""
    return json.dumps(_error(key, body)).encode()


def as_error_escaped(key: str, body: str) -> bytes:
    """Return the same as encoders of other languages write it."""
    text = as_error(key, body).decode().replace("/", "\\/")
    return text.replace("+", "\\u002B").encode()


def as_error_encoded(key: str, body: str) -> bytes:
    """Return the same, the credential in base64, hex and percent-encoded."""
    spellings = [base64.b64encode(key.encode()).decode(), key.encode().hex(), quote(key, safe="")]
    return as_error(" ".join(spellings), "")


def as_oauth_error(key: str, body: str) -> bytes:
    """Return OAuth's error with the request's form, as it came and decoded."""
    told = f"{key} {body} {unquote(body)}"
    return json.dumps({"error": "invalid_request", "error_description": told}).encode()


def as_oauth_code(key: str, body: str) -> bytes:
    """Return OAuth's error, whose name is the last value of the request's form."""
    return json.dumps({"error": unquote(body.rpartition("=")[2]) or key}).encode()


def as_page(key: str, body: str) -> bytes:
    """Return a page, as a debug mode would show."""
    head = "<!DOCTYPE html><html lang=en><head><title>Oops</title></head>"
    return f"{head}<body><h1>{key} {body} {unquote(body)}</h1></body></html>".encode("latin-1")


def as_cut_json(key: str, body: str) -> bytes:
    """Return JSON that ends in the middle."""
    return as_error(key, body)[:-5]


def as_wrong_types(key: str, body: str) -> bytes:
    """Return JSON of the documented names with other things in them; a sent secret comes back."""
    names = ("id", "status", "steps", "trigger", "created_at", "updated_at", "pagination")
    row = dict.fromkeys(names, 17)
    sent = json.loads(body) if body else {}
    return json.dumps(
        {**row, "data": [row], "time_series": 1, "events": 1, **_secret(sent)}
    ).encode()


def as_token_of_request(key: str, body: str) -> bytes:
    """Return a token that is none: it is what was sent."""
    return json.dumps({"access_token": f"{key} {unquote(body)}", "token_type": "Bearer"}).encode()


def _secret(sent: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in sent.items() if name == "secret"}


def _error(key: str, body: str) -> dict[str, object]:
    told = f"{key} {body}"
    fields = ("code", "field", "request_id")
    return {"error": {**dict.fromkeys(fields, key), "message": told, "retry_after": key}, key: told}


async def dropping(peer: Peer, sent: Sent) -> None:
    """Close the connection."""
    raise EOFError


async def resetting(peer: Peer, sent: Sent) -> None:
    """Reset the connection."""
    peer.reset()


async def stalling(peer: Peer, sent: Sent) -> None:
    """Never answer."""
    await peer.client_goes()


async def working(peer: Peer, sent: Sent) -> None:
    """Answer as the API document shows, whatever was asked for."""
    place = sent.target.partition("?")[0]
    sample = next(
        (
            name
            for (method, end), name in _SAMPLES.items()
            if sent.method == method and place.endswith(end)
        ),
        None,
    )
    if sample is None:
        repeated = _secret(json.loads(sent.body or b"{}"))
        await peer.send(http(200, {"id": "wh_1", "events": [], **repeated}))
    else:
        await peer.send(http(200, _one_page((_DOCUMENTS / sample).read_bytes())))


def _one_page(document: bytes) -> object:
    """Return a document; of a list the page that is the only one."""
    answer = json.loads(document)
    if "pagination" in answer:
        rows = len(answer["data"])
        answer["pagination"] = {"total": rows, "limit": 100, "offset": 0, "has_more": False}
    return answer


async def giving_token(peer: Peer, sent: Sent) -> None:
    """Answer a token request with tokens."""
    await peer.send(
        http(
            200,
            {
                "access_token": NEXT_ACCESS_TOKEN,
                "refresh_token": NEXT_REFRESH_TOKEN,
                "token_type": "bearer",
                "expires_in": 3600,
            },
        )
    )


@attrs.define(eq=False)
class CanaryServer:
    """Serves API and token endpoint, and shows the lookout what is going on meanwhile."""

    lookout: Lookout
    api: Answer = working
    token: Answer = giving_token
    requests: list[Sent] = attrs.field(factory=list)
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set by the first request that is answered by `api` or `token`."""

    watched: dict[str, object] = attrs.field(factory=dict)
    """What is glanced at whenever a request comes."""

    def server(self) -> RawServer:
        """Return the server, to be entered."""
        return RawServer(self._serve)

    async def _serve(self, peer: Peer) -> None:
        while True:
            sent = await peer.request()
            self.requests.append(sent)
            self._look(sent)
            self.asked.set()
            is_token_request = sent.target.startswith("/token")
            await (self.token if is_token_request else self.api)(peer, sent)

    def _look(self, sent: Sent) -> None:
        signed = credential(sent)
        if signed.startswith("eyJ"):
            self.lookout.plant("JWT", signed)
        if (verifier := form(sent).get("code_verifier")) is not None:
            self.lookout.plant("verifier", verifier)
        self.lookout.tasks()
        for name, thing in self.watched.items():
            self.lookout.glance(f"{name} meanwhile", thing)
