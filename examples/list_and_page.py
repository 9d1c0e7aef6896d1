"""List workflows: row by row, the first page, page by page, and all at once."""

import asyncio

from cloudflow_async import CloudFlow
from cloudflow_async.emulator import Emulator


async def show_workflows(cf: CloudFlow) -> None:
    """Read one list in four ways; each begins anew."""
    async for workflow in cf.workflows.list(status="active", max_items=3):
        print(f"{workflow.name}: {workflow.step_count} step(s)")

    first = await cf.workflows.list(page_size=10)
    print(f"first page: {len(first)} of {first.total}")

    async for page in cf.workflows.list(page_size=10).pages():
        print(f"rows {page.offset + 1} to {page.next_offset}")

    everything = await cf.workflows.list(page_size=10).collect()
    print(f"collected: {len(everything)}")


async def main() -> None:
    """Run against the emulator; for the real API it is `CloudFlow("cf_live_...")` alone."""
    async with Emulator() as emulator:
        for number in range(25):
            emulator.add_workflow(name=f"Nightly report {number}")
        async with CloudFlow(emulator.api_key, base_url=emulator.base_url) as cf:
            await show_workflows(cf)


if __name__ == "__main__":
    asyncio.run(main())
