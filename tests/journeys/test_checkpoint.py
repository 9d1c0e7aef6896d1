"""Exports that are killed at random moments, and gone on with until they are done."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest

from cloudflow_async.emulator import Emulator, EmulatorLimits

_KILLS = 20

_EXPORT = """
import asyncio, os, random, signal, sys, time
from pathlib import Path
from cloudflow_async import CloudFlow, LocalLimiter, RateLimits
from cloudflow_async._core.fan_out.checkpoint import Checkpoint

os.fsync = lambda descriptor: None  # what is killed loses no power
base_url, key, folder, kills, *ids = sys.argv[1:]
output, path = Path(folder, "rows"), Path(folder, "rows.checkpoint")
limits = RateLimits(requests=10**6, burst=10**6)

async def export(progress):
    checkpoint = Checkpoint(path, every=None)
    async with CloudFlow(key, base_url=base_url, limiter=LocalLimiter(limits)) as cf:
        history = cf.pipelines.fan_out(
            ids, page_size=5, concurrency=4, checkpoint=checkpoint, reread_running=True
        )
        with open(output, "ab") as file:
            async with history:
                file.truncate(checkpoint.note or 0)
                file.seek(0, os.SEEK_END)
                count = 0
                async for row in history:
                    file.write(row.id.encode() + b"\\n")
                    os.write(progress, b".")
                    count += 1
                    if count % 7 == 0:
                        file.flush()
                        await checkpoint.save(file.tell())
                file.flush()
                await checkpoint.finish()

def run(rows, seconds):
    '''Kill an export so long after so many rows; return whether it was done before.'''
    progress, child_progress = os.pipe()
    child = os.fork()
    if not child:
        asyncio.run(export(child_progress))
        os._exit(0)
    os.close(child_progress)
    while rows > 0 and (seen := os.read(progress, rows)):
        rows -= len(seen)
    if rows <= 0:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(progress)
    assert os.WIFSIGNALED(status) or not status, status
    return not status

chance, kills, done = random.Random(7), int(kills), False
while kills or not done:
    done = run(chance.randint(0, 60) if kills else 10**6, chance.uniform(0, 0.01))
    if done:
        print(output.read_text(), end="---\\n")
    else:
        kills -= 1
print(*(each.name for each in Path(folder).iterdir()))
"""


@pytest.mark.slow
async def test_a_killed_export_has_every_row_once(tmp_path: Path) -> None:
    """Killed by SIGKILL twenty times in all, its output cut to the size in the note each time."""
    async with Emulator(rate_limits=EmulatorLimits(requests=10**6, burst=10**6)) as emulator:
        ids = [emulator.add_pipeline() for _ in range(6)]
        everything = {row for each in ids for row in emulator.add_executions(each, 37)}
        everything |= {emulator.add_executions(each, 1, status="running")[0] for each in ids[:3]}
        arguments = [str(tmp_path), str(_KILLS), *ids]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", _EXPORT, emulator.base_url, emulator.api_key),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        told, problems = await process.communicate()
    *exports, names = told.decode().split("---\n")

    assert b"" == problems
    # Each was killed several times.
    assert 1 <= len(exports) <= _KILLS / 3
    for export in exports:
        assert everything == {*export.split()}
        assert {1} == {*Counter(export.split()).values()}
    assert "rows\n" == names
