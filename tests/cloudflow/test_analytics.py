"""Every endpoint of analytics, over real sockets against the emulator."""

from __future__ import annotations

import pytest

from cloudflow_async import (
    BadRequestError,
    CloudFlow,
    InvalidArgumentError,
    ResponseMismatchError,
)
from cloudflow_async.emulator import Emulator, Fault


async def test_workflow_metrics(cf: CloudFlow, emulator: Emulator) -> None:
    """Metrics are asked for by commas; those that were not asked for are None."""
    workflow_id = emulator.add_workflow(runs=3)

    answer = await cf.analytics.workflow_metrics(
        workflow_id, period="7d", metrics=["execution_count", "success_rate"]
    )

    assert "execution_count,success_rate" == dict(emulator.requests[-1].query)["metrics"]
    assert (workflow_id, "7d") == (answer.workflow_id, answer.period)
    assert (3, 100.0, None) == (
        answer.metrics.execution_count,
        answer.metrics.success_rate,
        answer.metrics.throughput,
    )
    assert 3 == sum(point.execution_count or 0 for point in answer.timeseries)


async def test_all_metrics(cf: CloudFlow, emulator: Emulator) -> None:
    """Without a choice the parameter is left out."""
    workflow_id = emulator.add_workflow(runs=3)

    answer = await cf.analytics.workflow_metrics(workflow_id, period="24h")

    assert {"period": "24h"} == dict(emulator.requests[-1].query)
    assert answer.metrics.throughput is not None


async def test_unknown_period(cf: CloudFlow, emulator: Emulator) -> None:
    """A period that the server does not know is its own to refuse; the error names the field."""
    with pytest.raises(BadRequestError) as caught:
        await cf.analytics.workflow_metrics(emulator.add_workflow(), period="2d")

    assert "period" == caught.value.field


async def test_metrics_as_one_str(cf: CloudFlow, emulator: Emulator) -> None:
    """A single str instead of a list is refused with what was meant."""
    with pytest.raises(InvalidArgumentError, match=r'such as \["success_rate"\], not str'):
        await cf.analytics.workflow_metrics("wf_1", period="7d", metrics="execution_count")

    assert [] == emulator.requests


async def test_swapped_answers(cf: CloudFlow, emulator: Emulator) -> None:
    """The metrics of another workflow are an error, never a result."""
    asked, other = emulator.add_workflow(), emulator.add_workflow()
    answer = await cf.request("GET", f"/analytics/workflows/{other}", params={"period": "7d"})
    emulator.inject(Fault(status=200, body=answer.body))
    with pytest.raises(ResponseMismatchError, match=r"^workflow_id: asked for"):
        await cf.analytics.workflow_metrics(asked, period="7d")
