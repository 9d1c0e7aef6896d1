"""What executions take that are kept: ``python -m benchmarks.memory [rows]``.

They are decoded page by page, as they come, and no two are equal.  What is counted is what Python
allocated and has not freed; it is the same in every run, so one is enough.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Sequence

from benchmarks.decode import Decoder, decoders
from benchmarks.measure import Column, Table, say
from benchmarks.page import page_of_executions

_PAGE = 100
_PEERS = (
    *("ours, orjson", "ours, json", "pydantic validate_json", "msgspec into its Struct"),
    *("orjson, no objects", "json, no objects"),
)


def run(rows: int = 100_000) -> Table:
    """Return the table; its first row, the floor of the ratios, is ours."""
    pages = [page_of_executions(rows, offset=offset) for offset in range(0, rows, _PAGE)]
    present = decoders()
    kept = {}
    for name in _PEERS:
        if name in present:
            say(f"  {rows:,} executions kept: {name}")
            kept[name] = [_bytes_of(present[name], pages) / rows]
    return Table(f"{rows:,} executions kept", [Column("memory of each", "bytes", kept)])


def _bytes_of(decode: Decoder, pages: Sequence[bytes]) -> int:
    decode(pages[0])
    gc.collect()
    tracemalloc.start()
    try:
        kept = [decode(page) for page in pages]  # noqa: F841 - what is measured
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    print(run(int((sys.argv[1:] or ["100000"])[0])))
