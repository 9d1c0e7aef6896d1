"""The endpoints of the CloudFlow API document, in its order: a call goes in, a reply comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from cloudflow_async.emulator.base.problems import Problem, Reply, not_found

from . import analytics, bodies, queries, serializers
from .runs import Runs
from .state import Pipeline, State, Webhook, Workflow, numbered

EXECUTION_STATUSES = ("running", "completed", "failed")
"""The values of `status` ("List Pipeline Executions")."""


@attrs.frozen(kw_only=True)
class Call:
    """A request that was let in: who asks is settled, what is asked is not yet checked."""

    state: State
    runs: Runs
    path: Mapping[str, str]
    """Path parameters, decoded."""

    query: Mapping[str, str]
    body: bytes
    content_type: str | None
    base_url: str
    """How the client addresses this server, so that URLs in answers lead back here."""

    def json(self) -> Any:
        """Return the body's JSON value, or raise the 400 or 415."""
        return bodies.read_value(self.body, self.content_type)

    def workflow(self) -> Workflow:
        """Return the workflow that the path names, or raise the 404."""
        identifier = self.path["workflow_id"]
        if identifier not in self.state.workflows:
            raise not_found("Workflow", identifier)
        return self.state.workflows[identifier]

    def pipeline(self) -> Pipeline:
        """Return the pipeline that the path names, or raise the 404."""
        identifier = self.path["pipeline_id"]
        if identifier not in self.state.pipelines:
            raise not_found("Pipeline", identifier)
        return self.state.pipelines[identifier]


def list_workflows(call: Call) -> Reply:
    """Answer `GET /workflows`: the oldest first, the document names no order."""
    wanted = queries.read_page(call.query)
    status = queries.read_choice(call.query, "status", bodies.WORKFLOW_STATUSES)
    created_after = queries.read_instant(call.query, "created_after")
    rows = [
        workflow
        for workflow in list(call.state.workflows.values())
        if status in (None, workflow.status)
        and (created_after is None or workflow.created_at > created_after)
    ]
    rows.sort(key=lambda workflow: (workflow.created_at, workflow.id))
    shown = rows[wanted.offset : wanted.offset + wanted.limit]
    body = serializers.page([serializers.workflow_row(row) for row in shown], len(rows), wanted)
    return Reply(status=200, body=body)


def create_workflow(call: Call) -> Reply:
    """Answer `POST /workflows`."""
    workflow = call.state.add_workflow(**bodies.read_new_workflow(call.json()))
    return Reply(status=201, body=serializers.created_workflow(workflow, call.base_url))


def get_workflow(call: Call) -> Reply:
    """Answer `GET /workflows/{workflow_id}`."""
    return Reply(status=200, body=serializers.workflow_details(call.workflow()))


def update_workflow(call: Call) -> Reply:
    """Answer `PATCH /workflows/{workflow_id}`."""
    workflow = call.workflow()
    for name, value in bodies.read_changes(call.json()).items():
        setattr(workflow, name, numbered(value) if name == "steps" else value)
    workflow.updated_at = call.state.now
    return Reply(status=200, body=serializers.updated_workflow(workflow))


def delete_workflow(call: Call) -> Reply:
    """Answer `DELETE /workflows/{workflow_id}`: 204 once, 404 ever after."""
    del call.state.workflows[call.workflow().id]
    return Reply(status=204)


def list_executions(call: Call) -> Reply:
    """Answer `GET /pipelines/{pipeline_id}/executions`: the newest first.

    The document names no order.  This one is the hard one for a reader of pages: every new
    execution shifts all others by one.
    """
    pipeline = call.pipeline()
    wanted = queries.read_page(call.query)
    status = queries.read_choice(call.query, "status", EXECUTION_STATUSES)
    start, end = queries.read_span(call.query)
    rows = pipeline.newest_first()
    if status is not None:
        rows = [row for row in rows if row.status == status]
    if (start, end) != queries.ALWAYS:
        rows = [row for row in rows if start <= row.started_at <= end]
    shown = rows[wanted.offset : wanted.offset + wanted.limit]
    body = serializers.page([serializers.execution_row(row) for row in shown], len(rows), wanted)
    return Reply(status=200, body=body)


def get_workflow_metrics(call: Call) -> Reply:
    """Answer `GET /analytics/workflows/{workflow_id}`."""
    workflow = call.workflow()
    period = queries.read_required_choice(call.query, "period", tuple(analytics.PERIODS))
    metrics = queries.read_choices(call.query, "metrics", tuple(analytics.METRICS))
    body = analytics.workflow_metrics(workflow, period, metrics, call.state.now)
    return Reply(status=200, body=body)


def create_webhook(call: Call) -> Reply:
    """Answer `POST /webhooks`: registered, once for each URL and set of events."""
    fields = bodies.read_new_webhook(call.json())
    webhook = Webhook(
        id=call.state.new_id("hook_"),
        url=fields["url"],
        events=tuple(fields["events"]),
        secret=fields.get("secret"),
        created_at=call.state.now,
    )
    for other in list(call.state.webhooks.values()):
        same = other.url == webhook.url and set(other.events) == set(webhook.events)
        if same and other.active:
            raise Problem(409, "A webhook with this url and these events already exists")
    call.state.webhooks[webhook.id] = webhook
    return Reply(status=201, body=serializers.created_webhook(webhook))


def trigger_workflow(call: Call) -> Reply:
    """Answer `POST /webhooks/{workflow_id}/trigger`, the path of a `webhook_url`.

    The document shows the URL and no more.  Any JSON will do as a body, or none at all; the run
    begins now, shows in the metrics and in the history of the workflow's pipeline, and those who
    registered for its events get them.
    """
    workflow = call.workflow()
    if workflow.trigger["type"] != "webhook":
        raise not_found("Webhook trigger of workflow", workflow.id)
    if call.body:
        call.json()
    run = call.runs.start(call.state, workflow)
    return Reply(status=202, body=serializers.workflow_event(workflow, run))
