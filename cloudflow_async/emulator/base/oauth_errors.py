"""The errors of the authorization server, in the words of RFC 6749."""

from __future__ import annotations

from .problems import Reply

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""For whatever holds tokens, and for the refusal to hand them out (RFC 6749, section 5.1)."""

_BASIC = {"WWW-Authenticate": 'Basic realm="cloudflow", charset="UTF-8"'}


class TokenError(Exception):
    """A token request that is answered with an error (RFC 6749, section 5.2)."""

    def __init__(self, error: str, description: str) -> None:
        """Take one of the RFC's codes, and what helps a developer; nothing that was sent."""
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description

    def reply(self) -> Reply:
        """Return the answer; a client that is not known is told how to say who it is."""
        unknown = self.error == "invalid_client"
        return Reply(
            status=401 if unknown else 400,
            body={"error": self.error, "error_description": self.description},
            headers=NO_STORE | _BASIC if unknown else NO_STORE,
        )


class UnsafeRequestError(Exception):
    """An authorization request whose sender must not get an answer (RFC 6749, section 4.1.2.1).

    Its message is for the person in front of the browser.
    """


class AuthorizationError(Exception):
    """An authorization request that is answered to its sender, with an error."""

    def __init__(self, error: str, description: str, callback_url: str) -> None:
        """Take one of the RFC's codes, what helps a developer, and where to send the browser."""
        super().__init__(f"{error}: {description}")
        self.callback_url = callback_url
