"""An aiohttp.web app that takes CloudFlow's webhooks: verified, each delivery handled once.

Run it by ``CLOUDFLOW_WEBHOOK_SECRET=whsec_... python examples/webhooks_aiohttp.py`` and register
its address, as others reach it, by ``cf.webhooks.create(url=..., events=..., secret=...)``.
"""

import os

from aiohttp import web

from cloudflow_async import WebhookEvent, WebhookRouter, WorkflowFailed
from cloudflow_async.web import webhook_handler


def make_app(secret: str) -> web.Application:
    """Return the app; the handlers are awaited before the sender gets its answer."""
    router = WebhookRouter(secret)

    @router.on("workflow.failed")
    async def report(event: WorkflowFailed) -> None:
        print(f"workflow {event.data.workflow_id}: execution {event.data.execution_id} failed")

    @router.on("*")
    async def note(event: WebhookEvent) -> None:
        print(f"{event.type}, happened {event.timestamp}, delivered as {event.id}")

    app = web.Application()
    app.router.add_post("/cloudflow-webhook", webhook_handler(router))
    return app


if __name__ == "__main__":
    web.run_app(make_app(os.environ["CLOUDFLOW_WEBHOOK_SECRET"]), host="127.0.0.1", port=8080)
