"""Pull the execution history of many pipelines at once; one that fails leaves the others whole."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from cloudflow_async import CloudFlow
from cloudflow_async.emulator import Emulator


async def count_executions(cf: CloudFlow, pipeline_ids: Sequence[str]) -> None:
    """Count executions by status, and tell which pipelines could not be read."""
    statuses: Counter[str] = Counter()
    async with cf.pipelines.fan_out(pipeline_ids, on_error="collect") as history:
        async for execution in history:
            statuses[execution.status] += 1

    report = history.report
    print(f"{report.rows} executions of {report.done} pipelines in {report.pages} pages")
    print(", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))
    for pipeline_id, error in report.failures.items():
        print(f"{pipeline_id}: {error}")


async def main() -> None:
    """Run against the emulator, with one id that it does not know."""
    async with Emulator() as emulator:
        pipeline_ids = emulator.seed_history(pipelines=12)
        async with CloudFlow(emulator.api_key, base_url=emulator.base_url) as cf:
            await count_executions(cf, [*pipeline_ids, "pipe_unknown"])


if __name__ == "__main__":
    asyncio.run(main())
