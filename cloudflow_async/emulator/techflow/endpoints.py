"""The endpoints of the TechFlow document, in its order: a call goes in, a reply comes out.

Every success is a 200, the only one that the document names ("Error Codes").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from cloudflow_async.emulator.base.problems import Reply, not_found

from . import bodies, serializers
from .executions import Executions, Publish
from .state import State, Workflow


@attrs.frozen(kw_only=True)
class Call:
    """A request that was let in: who asks is settled, what is asked is not yet checked."""

    state: State
    executions: Executions
    publish: Publish
    path: Mapping[str, str]
    """Path parameters, decoded."""

    body: bytes

    def workflow(self) -> Workflow:
        """Return the workflow that the path names, or raise the 404."""
        identifier = self.path["workflow_id"]
        if identifier not in self.state.workflows:
            raise not_found("Workflow", identifier)
        return self.state.workflows[identifier]


def list_workflows(call: Call) -> Reply:
    """Answer `GET /workflows`: all of them, the oldest first; there are no pages."""
    rows = map(serializers.workflow_row, list(call.state.workflows.values()))
    return Reply(status=200, body={"workflows": list(rows)})


def create_workflow(call: Call) -> Reply:
    """Answer `POST /workflows` with the whole workflow."""
    workflow = call.state.add_workflow(bodies.read_document(bodies.read_value(call.body)))
    call.publish("workflow.created", serializers.workflow_event(workflow))
    return Reply(status=200, body=serializers.workflow_details(workflow))


def get_workflow(call: Call) -> Reply:
    """Answer `GET /workflows/{workflow_id}`."""
    return Reply(status=200, body=serializers.workflow_details(call.workflow()))


def replace_workflow(call: Call) -> Reply:
    """Answer `PUT /workflows/{workflow_id}` with the whole workflow.

    "Updates an existing workflow", and by PUT: what is sent takes the place of what was there, and
    what is absent falls back to its default.
    """
    workflow = call.workflow()
    workflow.document = bodies.read_document(bodies.read_value(call.body), workflow.id)
    call.publish("workflow.updated", serializers.workflow_event(workflow))
    return Reply(status=200, body=serializers.workflow_details(workflow))


def delete_workflow(call: Call) -> Reply:
    """Answer `DELETE /workflows/{workflow_id}`: once by nothing, with a 404 ever after.

    "Deletes a workflow permanently"; there is nothing left that a body could show.
    """
    workflow = call.workflow()
    del call.state.workflows[workflow.id]
    call.publish("workflow.deleted", serializers.workflow_event(workflow))
    return Reply(status=200)


def list_executions(call: Call) -> Reply:
    """Answer `GET /executions`: all of them, the newest first.

    The document shows no answer.  The envelope is made like that of the workflows, and can be left
    out, as `{"executions": [...]}` is only a guess.
    """
    rows = [serializers.execution_row(one) for one in call.state.newest_first()]
    return Reply(status=200, body=rows if call.state.bare_executions else {"executions": rows})


def execute_workflow(call: Call) -> Reply:
    """Answer `POST /workflows/{workflow_id}/execute` with the execution, which is running.

    The document shows neither a body to send nor an answer: any JSON will do, or none at all.
    """
    workflow = call.workflow()
    if call.body:
        bodies.read_value(call.body)
    return Reply(status=200, body=serializers.execution_row(call.executions.start(workflow)))


ENDPOINTS: dict[str, dict[str, Callable[[Call], Reply]]] = {
    "/workflows": {"GET": list_workflows, "POST": create_workflow},
    "/workflows/{workflow_id}": {
        "GET": get_workflow,
        "PUT": replace_workflow,
        "DELETE": delete_workflow,
    },
    "/executions": {"GET": list_executions},
    "/workflows/{workflow_id}/execute": {"POST": execute_workflow},
}
"""Template without the prefix, and method."""
