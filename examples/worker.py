"""An asyncio worker: jobs from a queue, one client for the life of the process, a clean stop."""

import asyncio
import signal

from cloudflow_async import CloudFlow, CloudFlowError, OutcomeUnknownError
from cloudflow_async.emulator import Emulator

Job = tuple[str, str]


async def work(cf: CloudFlow, jobs: asyncio.Queue[Job]) -> None:
    """Pause or resume workflows as the jobs say, until cancelled."""
    while True:
        workflow_id, status = await jobs.get()
        try:
            await cf.workflows.update(workflow_id, status=status)
            print(f"{status}: done")
        except OutcomeUnknownError:
            # Setting a status twice does no harm, so this job may simply come again.
            await jobs.put((workflow_id, status))
        except CloudFlowError as error:
            print(f"{status}: {error}")
        finally:
            jobs.task_done()


async def run(cf: CloudFlow, jobs: asyncio.Queue[Job], stop: asyncio.Event) -> None:
    """Work with four workers until `stop` is set; jobs under way are finished."""
    async with cf:
        workers = [asyncio.create_task(work(cf, jobs)) for _ in range(4)]
        await stop.wait()
        await jobs.join()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def main() -> None:
    """Run three jobs against the emulator, then stop as on SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Emulator() as emulator:
        workflow_id = emulator.add_workflow(name="Nightly report")
        jobs: asyncio.Queue[Job] = asyncio.Queue()
        for status in ("paused", "active", "no-such-status"):
            jobs.put_nowait((workflow_id, status))
        signal.raise_signal(signal.SIGTERM)
        await run(CloudFlow(emulator.api_key, base_url=emulator.base_url), jobs, stop)


if __name__ == "__main__":
    asyncio.run(main())
