"""Create a workflow, start it, look at its metrics, pause it and delete it."""

import asyncio

from cloudflow_async import CloudFlow, FetchDataStep, NotFoundError, SendEmailStep, WebhookTrigger
from cloudflow_async.emulator import Emulator


async def live_through(cf: CloudFlow) -> None:
    """Take one workflow from its creation to its end."""
    created = await cf.workflows.create(
        name="Welcome mail",
        trigger=WebhookTrigger(),
        steps=[
            FetchDataStep(source="users_table", filters={"active": True}),
            SendEmailStep(template_id="tpl_welcome_v2"),
        ],
    )
    print(f"created {created.name!r}, {created.status}")

    await cf.workflows.trigger(created.id, {"user": 42})
    workflow = await cf.workflows.get(created.id)
    assert workflow.metrics is not None
    print(f"runs: {workflow.metrics.total_runs}, steps: {[step.type for step in workflow.steps]}")

    updated = await cf.workflows.update(created.id, status="paused")
    print(f"now {updated.apply_to(workflow).status}")

    await cf.workflows.delete(created.id)
    try:
        await cf.workflows.get(created.id)
    except NotFoundError as error:
        print(f"gone: {error.code}")


async def main() -> None:
    """Run against the emulator."""
    async with (
        Emulator() as emulator,
        CloudFlow(emulator.api_key, base_url=emulator.base_url) as cf,
    ):
        await live_through(cf)


if __name__ == "__main__":
    asyncio.run(main())
