"""Workflows (API document: Workflows)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from cloudflow_async._core.codec.decode import decode, encode
from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.errors import DecodeError, InvalidArgumentError
from cloudflow_async._core.messages import UNSET, Json, Unset
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import to_list

from .executions import Execution
from .lists import WholeLists

_ALL: Final = "/workflows"
_ONE: Final = "/workflows/{workflow_id}"
_EXECUTE: Final = "/workflows/{workflow_id}/execute"


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True, weakref_slot=False)
class Workflow:
    """A workflow, in lists and in details; only the row of a list is documented."""

    id: str
    """Such as ``wf_123``."""

    name: str
    """What its author calls it."""

    status: str | None = None
    """Such as ``active``; None when the answer does not tell it."""

    description: str | None = None
    """What it is for; None in lists, and when its author did not say."""

    triggers: tuple[Json, ...] | None = attrs.field(default=None, hash=False)
    """What starts it, such as ``"manual"``, as it came; None in lists."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


class Workflows(WholeLists):
    """The workflows of the account."""

    def list(self) -> Pages[Workflow]:
        """Return the workflows as a list that is read over the network (List Workflows).

        It is not paged: one request brings all.
        """
        return self._whole(Workflow, _ALL, "workflows")

    async def get(self, workflow_id: str) -> Workflow:
        """Return a workflow in detail (Get Workflow).

        Raises:
            NotFoundError: There is none with this id.
        """
        segments = {"workflow_id": workflow_id}
        return await self._ask(Workflow, "GET", _ONE, segments=segments, echoes={"id": workflow_id})

    async def create(
        self,
        *,
        name: str,
        description: str | Unset | None = UNSET,
        triggers: Iterable[Json] = (),
    ) -> Workflow:
        """Create a workflow (Create Workflow).

        Args:
            name: Its name.
            description: Free text; None sends ``null``.
            triggers: What starts it, such as ``["manual"]``.

        Raises:
            BadRequestError: The server refuses a field.
            OutcomeUnknownError: It may have been created although the call failed.  It is not
                sent again: list the workflows first.
        """
        body = {"name": name, "description": description, "triggers": _check_triggers(triggers)}
        return await self._ask(Workflow, "POST", _ALL, body=body)

    async def update(
        self,
        workflow_id: str,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        status: str | Unset = UNSET,
        triggers: Iterable[Json] | Unset = UNSET,
    ) -> Workflow:
        """Change what is given and leave the rest: read the workflow, and put it back changed.

        These are two requests, since Update Workflow is a PUT of the whole.  Nothing tells the
        server what was read: whatever somebody else changes in between is lost.  Undocumented
        fields are put back as they came.

        Raises:
            InvalidArgumentError: Nothing to change was given.
            NotFoundError: There is none with this id.
        """
        if not isinstance(triggers, Unset):
            triggers = _check_triggers(triggers)
        fields = {"name": name, "description": description, "status": status, "triggers": triggers}
        changes = {key: value for key, value in fields.items() if value is not UNSET}
        if not changes:
            raise InvalidArgumentError("Nothing to change: give at least one field.")
        workflow = await self.get(workflow_id)
        return await self.replace(workflow_id, {**_fields(workflow), **changes})

    async def replace(
        self, workflow_id: str, workflow: Workflow | Mapping[str, object]
    ) -> Workflow:
        """Put a workflow in the place of the one that is there (Update Workflow).

        Args:
            workflow_id: Which.
            workflow: The whole: what it lacks is lost.

        Raises:
            NotFoundError: There is none with this id.
        """
        segments = {"workflow_id": workflow_id}
        return await self._ask(
            Workflow, "PUT", _ONE, segments=segments, body=workflow, echoes={"id": workflow_id}
        )

    async def delete(self, workflow_id: str) -> None:
        """Delete a workflow for good (Delete Workflow).

        When the answer to a first attempt is lost and the next finds nothing, it was deleted.

        Raises:
            NotFoundError: There was none with this id.
        """
        await self._tell("DELETE", _ONE, segments={"workflow_id": workflow_id})

    async def execute(self, workflow_id: str) -> Execution | None:
        """Start a workflow (Trigger Execution).

        Returns:
            The run, as far as the answer tells of it; the document shows none.  None when the
            answer is no object, or has other types in it than an `Execution`.

        Raises:
            NotFoundError: There is none with this id.
            OutcomeUnknownError: The run may have been started although the call failed.  It is
                not sent again.
        """
        response = await self._tell("POST", _EXECUTE, segments={"workflow_id": workflow_id})
        try:
            return decode(Execution, response.json())
        except DecodeError:
            return None


def _fields(workflow: Workflow) -> dict[str, Json]:
    fields = encode(workflow)
    assert isinstance(fields, dict)
    return fields


def _check_triggers(triggers: Iterable[Json]) -> list[Json]:
    return to_list("triggers", triggers, '["manual"]')
