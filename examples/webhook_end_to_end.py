"""The end of a run arrives by webhook, once, although it is delivered three times.

An app receives; the emulator delivers three copies at once, and takes the first for lost.
"""

import asyncio
import base64
import secrets
import time
from collections.abc import Callable

from aiohttp import web

from cloudflow_async import CloudFlow, WebhookRouter, WebhookTrigger, WorkflowEvent
from cloudflow_async.emulator import DeliveryFault, Emulator
from cloudflow_async.web import webhook_handler


async def main(clock: Callable[[], float] = time.time) -> None:
    """Trigger a workflow and wait for its end."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    router = WebhookRouter(secret, clock=clock)

    @router.on("workflow.started", "workflow.completed")
    async def note(event: WorkflowEvent) -> None:
        print("handler:", event.type)

    app = web.Application()
    app.router.add_post("/hook", webhook_handler(router))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"

    async with Emulator(clock=clock) as emulator:
        emulator.inject(DeliveryFault(event="workflow.completed", copies=3, lose_answers=1))
        async with CloudFlow(emulator.api_key, base_url=emulator.base_url) as cf:
            events = ["workflow.started", "workflow.completed", "pipeline.completed"]
            await cf.webhooks.create(url=url, events=events, secret=secret)
            created = await cf.workflows.create(
                name="Nightly report", trigger=WebhookTrigger(), steps=[{"type": "fetch_data"}]
            )
            run = await cf.workflows.trigger(created.id)
            execution = await cf.pipelines.wait_for_execution(
                emulator.pipeline_of(created.id), run["execution_id"], router=router, timeout=60
            )
            print("waited for:", execution.status)
        await emulator.wait_for_deliveries(retries=True, timeout=60)
        for delivery in emulator.deliveries:
            answers = [attempt.status or "lost" for attempt in delivery.attempts]
            print(f"sender: {delivery.event} {delivery.state}, answers {answers}")
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
