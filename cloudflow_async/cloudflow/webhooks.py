"""Webhooks: where the API sends its events (API document: Webhooks)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import attrs

from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.messages import UNSET, Json, Unset
from cloudflow_async._core.public import public
from cloudflow_async._core.resource import Resource
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.support.validation import check_kind, to_list


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class Webhook:
    """A configured webhook.

    The document shows the request to create one and no answer, so any field may be None.  The
    ``secret`` is dropped should the answer repeat it: you chose it, and nothing else needs it.
    """

    id: str | None = None
    """Given by the server."""

    url: str | None = None
    """Where the events go."""

    events: tuple[str, ...] = ()
    """The events that it gets, such as ``workflow.failed``."""

    active: bool | None = None
    """Whether it gets events at present."""

    created_at: datetime | None = None
    """When it was created, in UTC."""

    extra: Mapping[str, Json] = unknown_fields(without=("secret",))
    """Other fields, as they came."""


class Webhooks(Resource):
    """Webhook endpoints of the account (API document: Webhooks)."""

    async def create(
        self, *, url: str, events: Iterable[str], secret: str | Unset = UNSET
    ) -> Webhook:
        """Register an address to which events are delivered.

        Args:
            url: Where deliveries go.
            events: Which, such as ``["workflow.completed", "workflow.failed"]``.
            secret: What deliveries are signed with, such as ``whsec_...``.

        Raises:
            InvalidArgumentError: `events` is no list, or `secret` is no text.
            BadRequestError: The server refuses a field; `field` names it.
            ConflictError: It is registered already.
            OutcomeUnknownError: It may have been registered although the call failed.
        """
        check_kind("secret", secret, (str, Unset), "a str")
        names = to_list("events", events, '["workflow.failed"]')
        answer = self._ask(
            Webhook,
            "POST",
            "/webhooks",
            body={"url": url, "events": names, "secret": secret},
            secrets=(Secret(secret),) if isinstance(secret, str) else (),
        )
        # Those who record tracebacks with local variables find no secret here.
        del secret
        return await answer
