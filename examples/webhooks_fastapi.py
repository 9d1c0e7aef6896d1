"""A FastAPI app that takes CloudFlow's webhooks beside its own routes; Starlette works the same.

Run it by ``CLOUDFLOW_WEBHOOK_SECRET=whsec_... python examples/webhooks_fastapi.py``.
"""

import os
from collections import Counter

import uvicorn
from fastapi import FastAPI
from starlette.routing import Route

from cloudflow_async import PipelineEvent, WebhookRouter
from cloudflow_async.web import WebhookApp


def make_app(secret: str) -> FastAPI:
    """Return the app; it counts how the executions of each pipeline ended."""
    app = FastAPI()
    router = WebhookRouter(secret)
    # A route and not a mount: that would be found at "/cloudflow-webhook/" only.
    app.router.routes.append(Route("/cloudflow-webhook", WebhookApp(router)))
    ends: dict[str | None, Counter[str]] = {}

    @router.on("pipeline.completed", "pipeline.failed")
    async def count(event: PipelineEvent) -> None:
        ends.setdefault(event.data.pipeline_id, Counter())[event.type] += 1

    @app.get("/pipelines/{pipeline_id}")
    async def show(pipeline_id: str) -> dict[str, int]:
        return ends.get(pipeline_id, {})

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(os.environ["CLOUDFLOW_WEBHOOK_SECRET"]), host="127.0.0.1", port=8080)
