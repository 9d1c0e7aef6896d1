"""Executions (API document: Executions)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.messages import Json
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async._core.public import public

from .lists import WholeLists


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True, weakref_slot=False)
class Execution:
    """A run of a workflow: the document shows none, so any field may be None."""

    id: str | None = None
    """Its id."""

    workflow_id: str | None = None
    """The workflow that ran."""

    status: str | None = None
    """How it stands."""

    extra: Mapping[str, Json] = unknown_fields()
    """All other fields, as they came."""


class Executions(WholeLists):
    """The executions of all workflows."""

    def list(self) -> Pages[Execution]:
        """Return the executions as a list that is read over the network (List Executions).

        It is not paged: one request brings all.  The document shows no answer; both
        ``{"executions": [...]}`` and a bare array are understood.
        """
        return self._whole(Execution, "/executions", "executions")
