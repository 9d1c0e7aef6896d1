"""The API document's own JSON samples, with the model of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cloudflow_async.cloudflow.analytics import WorkflowMetrics
from cloudflow_async.cloudflow.pipelines import Execution
from cloudflow_async.cloudflow.webhooks import Webhook
from cloudflow_async.cloudflow.workflows import (
    CreatedWorkflow,
    UpdatedWorkflow,
    Workflow,
    WorkflowSummary,
)

_DOCUMENTS = Path(__file__).parents[1] / "documents" / "cloudflow"


def document(name: str) -> Any:
    """Return the JSON of a sample by the name of its file."""
    return json.loads((_DOCUMENTS / f"{name}.json").read_bytes())


SAMPLES: list[tuple[type[Any], Any]] = [
    (WorkflowSummary, document("list_workflows.200")["data"][0]),
    (Workflow, document("get_workflow.200")),
    (CreatedWorkflow, document("create_workflow.201")),
    (UpdatedWorkflow, document("update_workflow.200")),
    (Execution, document("list_executions.200")["data"][0]),
    (WorkflowMetrics, document("workflow_metrics.200")),
    # The document shows no answer: what a server that repeats the request would send.
    (Webhook, document("create_webhook.request")),
]
"""Each model with an object that the document shows for it."""
