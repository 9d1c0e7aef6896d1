"""The TechFlow API, an older sibling of CloudFlow's, on the same engine.

Example:
    ```python
    async with TechFlow("your_key") as tf:
        async for workflow in tf.workflows.list():
            print(workflow.name, workflow.status)
    ```
"""

from .client import TechFlow
from .events import (
    EVENTS,
    ExecutionCompleted,
    ExecutionEvent,
    ExecutionEventData,
    ExecutionFailed,
    ExecutionStarted,
    WorkflowCreated,
    WorkflowDeleted,
    WorkflowEvent,
    WorkflowEventData,
    WorkflowUpdated,
    verify_webhook,
)
from .executions import Execution
from .keys import BearerKeyAuth
from .router import WebhookRouter
from .workflows import Workflow

__all__ = [
    "BearerKeyAuth",
    "EVENTS",
    "Execution",
    "ExecutionCompleted",
    "ExecutionEvent",
    "ExecutionEventData",
    "ExecutionFailed",
    "ExecutionStarted",
    "TechFlow",
    "WebhookRouter",
    "Workflow",
    "WorkflowCreated",
    "WorkflowDeleted",
    "WorkflowEvent",
    "WorkflowEventData",
    "WorkflowUpdated",
    "verify_webhook",
]
