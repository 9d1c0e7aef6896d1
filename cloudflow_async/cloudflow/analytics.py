"""Analytics: how a workflow fared over a period (API document: Endpoints, Analytics)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.messages import Json
from cloudflow_async._core.public import public
from cloudflow_async._core.resource import Resource
from cloudflow_async._core.support.validation import to_list

Period: TypeAlias = Literal["1h", "24h", "7d", "30d"]
"""The documented periods."""

Metric: TypeAlias = Literal[
    "execution_count", "success_rate", "avg_duration", "error_count", "throughput"
]
"""The documented metrics."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class MetricValues:
    """The metrics of a whole period.

    The document asks for three and gets five, so any of them may be there or None, whatever
    was asked for.
    """

    execution_count: int | None = None
    """Total number of executions."""

    success_rate: float | None = None
    """Successful executions in percent, 0 to 100."""

    avg_duration: float | None = None
    """Average duration of an execution in milliseconds."""

    error_count: int | None = None
    """Total number of errors."""

    throughput: float | None = None
    """Records processed per hour."""

    extra: Mapping[str, Json] = unknown_fields()
    """Metrics that the document does not list, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class MetricPoint:
    """The metrics of one interval of the time series; the document shows two of the five."""

    timestamp: datetime
    """When the interval begins, in UTC."""

    execution_count: int | None = None
    """Number of executions."""

    success_rate: float | None = None
    """Successful executions in percent, 0 to 100."""

    avg_duration: float | None = None
    """Average duration of an execution in milliseconds."""

    error_count: int | None = None
    """Number of errors."""

    throughput: float | None = None
    """Records processed per hour."""

    extra: Mapping[str, Json] = unknown_fields()
    """Metrics that the document does not list, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowMetrics:
    """Performance of a workflow over a period (Get Workflow Metrics)."""

    workflow_id: str
    """The workflow, such as ``wf_8x7k2m9p``."""

    period: str
    """As it was asked for: ``1h``, ``24h``, ``7d`` or ``30d``."""

    start_date: datetime
    """When the period begins, in UTC."""

    end_date: datetime
    """When the period ends, in UTC."""

    metrics: MetricValues
    """Over the whole period."""

    timeseries: tuple[MetricPoint, ...] = ()
    """By interval, in the order that came; empty when the answer has none."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


class Analytics(Resource):
    """Metrics of workflows (API document: Endpoints, Analytics)."""

    async def workflow_metrics(
        self,
        workflow_id: str,
        *,
        period: Period | str,
        metrics: Iterable[Metric | str] | None = None,
    ) -> WorkflowMetrics:
        """Return how a workflow did over a period (Get Workflow Metrics).

        Args:
            workflow_id: Which.
            period: ``1h``, ``24h``, ``7d`` or ``30d``, up to now.
            metrics: Which metrics; None leaves the choice to the server.  It may answer with
                more or fewer than asked for.

        Raises:
            NotFoundError: There is no workflow with this id.
            InvalidArgumentError: `metrics` is no list of names.
        """
        names = None if metrics is None else to_list("metrics", metrics, '["success_rate"]')
        return await self._ask(
            WorkflowMetrics,
            "GET",
            "/analytics/workflows/{workflow_id}",
            segments={"workflow_id": workflow_id},
            query=[("period", period), ("metrics", names)],
            scope="analytics:read",
            echoes={"workflow_id": workflow_id},
        )
