"""What the browser shows at the end of a login: whole answers, the same for everybody.

Nothing of a request is in them, so no request can put anything into them.
"""

from __future__ import annotations

_HEAD = """\
HTTP/1.1 {status}
Content-Type: text/html; charset=utf-8
Content-Length: {length}
Cache-Control: no-store
Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'
Referrer-Policy: no-referrer
X-Content-Type-Options: nosniff
Connection: close
"""

_BODY = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 1.125rem/1.5 system-ui, sans-serif; margin: 15vh auto 0; max-width: 32rem;
  padding: 0 1.5rem }}
h1 {{ font-size: 1.75rem; line-height: 1.2 }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"""


def _answer(status: str, title: str, text: str, *fields: str) -> bytes:
    body = _BODY.format(title=title, text=text).encode()
    head = _HEAD.format(status=status, length=len(body)) + "".join(f"{line}\n" for line in fields)
    return head.replace("\n", "\r\n").encode() + b"\r\n" + body


def without_body(page: bytes) -> bytes:
    """Return the answer to a HEAD request."""
    return page.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


DONE = _answer(
    "200 OK",
    "You can close this window",
    "The login has arrived. Go back to the program that asked for it: it goes on there.",
)

FAILED = _answer(
    "400 Bad Request",
    "The login failed",
    "Go back to the program that asked for it: it says why. You can close this window.",
)

NOT_UNDERSTOOD = _answer(
    "400 Bad Request",
    "This was not understood",
    "A program waits here for the end of a login, and this request is none.",
)

NOT_FOUND = _answer(
    "404 Not Found",
    "Nothing is here",
    "A program waits on this machine for the end of a login, at another address.",
)

NOT_ALLOWED = _answer(
    "405 Method Not Allowed",
    "This cannot be done here",
    "A program waits here for the end of a login, which only a GET request brings.",
    "Allow: GET",
)

TOO_LARGE = _answer(
    "431 Request Header Fields Too Large",
    "This is too large",
    "A program waits here for the end of a login, and no answer of a login is as large as this.",
)
