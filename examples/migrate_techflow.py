"""Copy workflows from TechFlow to CloudFlow; safe to run again, also after a failure half-way.

    python migrate_techflow.py                  shows it on an emulator of both
    python migrate_techflow.py --live           tells what it would copy: nothing is changed
    python migrate_techflow.py --live --apply   copies

With --live the keys are those of TECHFLOW_API_KEY and CLOUDFLOW_API_KEY.  TechFlow is only read.

A copy is recognised by a mark at the end of its description, such as "[TechFlow wf_123]": names
need not be unique, and may change.  Whoever removes the mark will get another copy.  A workflow
that is started by hand gets a webhook for a trigger.  One with a trigger that CloudFlow lacks is
listed and skipped, since a copy that never starts would be worse than none.  Steps and status stay
behind: TechFlow's document shows no steps, and no status but "active".
"""

import argparse
import asyncio
import re
from collections import Counter

from cloudflow_async import CloudFlow, WebhookTrigger
from cloudflow_async.emulator import Emulator
from cloudflow_async.techflow import TechFlow, Workflow

MARK = re.compile(r"\[TechFlow (\S+)\]\Z")


async def migrate(tf: TechFlow, cf: CloudFlow, *, apply: bool) -> None:
    """Copy what was not copied before, or only tell about it; print a line for each workflow."""
    copies = {
        mark[1]: workflow.id
        async for workflow in cf.workflows.list()
        if (mark := MARK.search(workflow.description or ""))
    }
    ends: Counter[str] = Counter()
    async for row in tf.workflows.list():
        if row.id in copies:
            end, detail = "there already", copies[row.id]
        else:
            end, detail = await copy(cf, await tf.workflows.get(row.id), apply=apply)
        ends[end] += 1
        print(f"{row.id} {row.name!r}: {end}, {detail}")
    print("In all:", ", ".join(f"{count} {end}" for end, count in sorted(ends.items())))


async def copy(cf: CloudFlow, workflow: Workflow, *, apply: bool) -> tuple[str, str]:
    """Copy one workflow if it can be; return how it ended, and a detail."""
    unknown = [trigger for trigger in workflow.triggers or () if trigger != "manual"]
    if unknown:
        return "skipped", f"no trigger of CloudFlow's is like {unknown}"
    if not apply:
        return "to be copied", "with a webhook trigger"
    created = await cf.workflows.create(
        name=workflow.name,
        description=f"{workflow.description or ''} [TechFlow {workflow.id}]".strip(),
        trigger=WebhookTrigger(),
        steps=[],
    )
    return "copied", f"{created.id} at {created.webhook_url}"


async def show() -> None:
    """Tell, copy, and copy again, on an emulator of both."""
    async with Emulator() as emulator:
        there = emulator.techflow
        there.add_workflow(id="wf_1", name="Report", description="Nightly", triggers=["manual"])
        there.add_workflow(id="wf_2", name="Report")
        there.add_workflow(id="wf_3", name="Inbox", triggers=["manual", {"type": "email"}])
        async with (
            TechFlow(there.api_key, base_url=there.base_url) as tf,
            CloudFlow(emulator.api_key, base_url=emulator.base_url) as cf,
        ):
            for apply in (False, True, True):
                await migrate(tf, cf, apply=apply)


async def main() -> None:
    """Run on an emulator, or live."""
    parser = argparse.ArgumentParser(description="Copy workflows from TechFlow to CloudFlow.")
    parser.add_argument("--live", action="store_true", help="not on an emulator")
    parser.add_argument("--apply", action="store_true", help="copy, and not only tell")
    asked = parser.parse_args()
    if asked.apply and not asked.live:
        parser.error("--apply goes with --live; on the emulator all is shown anyway")
    if not asked.live:
        await show()
        return
    async with TechFlow() as tf, CloudFlow() as cf:
        await migrate(tf, cf, apply=asked.apply)


if __name__ == "__main__":
    asyncio.run(main())
