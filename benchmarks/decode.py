"""Decode one page, from bytes to objects: ``python -m benchmarks.decode [rounds]``.

pydantic and msgspec take part where they are installed.  pydantic's model is as near to ours as
it comes: strict, frozen, with an open status; it ignores unknown fields where ours keeps them.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from types import GenericAlias
from typing import Any, TypeAlias

import attrs
import cattrs

from benchmarks.measure import Table, interleave, say, table
from benchmarks.page import page_of_executions
from cloudflow_async._core.codec import json as strict_json
from cloudflow_async._core.codec.decode import decode_list
from cloudflow_async.cloudflow.pipelines import Execution, ExecutionStatus

Decoder: TypeAlias = Callable[[bytes], Any]

_CALLS = 20
_FIELDS: dict[str, Any] = {
    "id": str,
    "pipeline_id": str,
    "status": ExecutionStatus | str,
    "started_at": datetime,
    "completed_at": datetime | None,
    "duration_ms": int | None,
    "records_processed": int | None,
    "records_failed": int | None,
    "error_rate": float | None,
}


def run(rounds: int = 51) -> Table:
    """Return the table; its first row, the floor of the ratios, is ours."""
    body = page_of_executions()
    runs = {name: _seconds(decoder, body) for name, decoder in decoders().items()}
    title = f"Decode a page of 100 executions, {len(body):,} bytes"
    return table(title, interleave(runs, rounds), unit="us", scale=1e6, what="CPU")


def _seconds(decoder: Decoder, body: bytes) -> Callable[[], float]:
    def seconds() -> float:
        gc.collect()
        begin = time.process_time()
        for _ in range(_CALLS):
            decoder(body)
        return (time.process_time() - begin) / _CALLS

    return seconds


def decoders() -> dict[str, Decoder]:
    """Return what reads a page, by name; without what is not installed."""
    makers: dict[str, Callable[[], Decoder]] = {
        "ours, orjson": _ours_with_orjson,
        "ours, json": _ours_with_json,
        "cattrs Converter without hooks, json": _bare_cattrs,
        "pydantic validate_json": _pydantic,
        "msgspec into its Struct": _msgspec,
        "msgspec into attrs": _msgspec_into_attrs,
        "orjson, msgspec.convert into attrs": _msgspec_convert,
        "orjson, no objects": lambda: importlib.import_module("orjson").loads,
        "json, no objects": lambda: json.loads,
    }
    found = {}
    for name, make in makers.items():
        try:
            found[name] = make()
        except ModuleNotFoundError as error:
            say(f"without {name}: {error}")
    return found


def _ours_with_orjson() -> Decoder:
    importlib.import_module("orjson")
    return _ours


def _ours(body: bytes) -> list[Execution]:
    page: Any = strict_json.loads(body)
    return decode_list(Execution, page["data"])


def _ours_with_json() -> Decoder:
    def decoder(body: bytes) -> list[Execution]:
        quick, strict_json._quick = strict_json._quick, None  # noqa: SLF001 - as if not installed
        try:
            return _ours(body)
        finally:
            strict_json._quick = quick  # noqa: SLF001 - as above

    return decoder


def _bare_cattrs() -> Decoder:
    """Return cattrs as it comes, which converts values instead of checking them."""
    execution = _attrs_execution()
    converter = cattrs.Converter()
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    rows: Any = GenericAlias(list, (execution,))
    return lambda body: converter.structure(json.loads(body)["data"], rows)


def _pydantic() -> Decoder:
    pydantic = importlib.import_module("pydantic")
    config = pydantic.ConfigDict(strict=True, frozen=True, extra="ignore")
    fields = {name: (kind, ...) for name, kind in _FIELDS.items()}
    execution = pydantic.create_model("Execution", __config__=config, **fields)
    page = pydantic.create_model("Page", data=(GenericAlias(list, (execution,)), ...))
    return lambda body: page.model_validate_json(body).data


def _msgspec() -> Decoder:
    """Return msgspec, whose status is closed: it has no union of an enumeration and str."""
    msgspec = importlib.import_module("msgspec")
    fields = [*(_FIELDS | {"status": ExecutionStatus}).items()]
    execution = msgspec.defstruct("Execution", fields, frozen=True)
    page = msgspec.defstruct("Page", [("data", GenericAlias(list, (execution,)))])
    decoder = msgspec.json.Decoder(page)
    return lambda body: decoder.decode(body).data


def _msgspec_into_attrs() -> Decoder:
    msgspec = importlib.import_module("msgspec")
    decoder = msgspec.json.Decoder(_attrs_page())
    return lambda body: decoder.decode(body).data


def _msgspec_convert() -> Decoder:
    """Return msgspec after orjson: what a converter costs that is made of C."""
    msgspec, orjson = map(importlib.import_module, ("msgspec", "orjson"))
    page = _attrs_page()
    return lambda body: msgspec.convert(orjson.loads(body), page).data


def _attrs_page() -> type[Any]:
    rows: Any = GenericAlias(list, (_attrs_execution(),))
    return attrs.make_class("Page", {"data": attrs.field(type=rows)}, frozen=True)


def _attrs_execution() -> type[Any]:
    """Return an execution as a frozen attrs class, whose status is closed."""
    fields = {name: attrs.field(type=kind) for name, kind in _FIELDS.items()}
    fields["status"] = attrs.field(type=ExecutionStatus)
    return attrs.make_class("Execution", fields, frozen=True, kw_only=True)


if __name__ == "__main__":
    print(run(*map(int, sys.argv[1:])))
