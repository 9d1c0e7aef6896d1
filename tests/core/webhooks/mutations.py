"""Mutate signed deliveries, and count what becomes of them.

``python -m tests.core.webhooks.mutations --count 1000000 --seed 0`` is the long run.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from cloudflow_async._core.errors import WebhookPayloadError, WebhookVerificationError
from cloudflow_async.cloudflow.events import verify_webhook
from tests.core.webhooks.samples import NOW, OTHERS, SECRET, signed

Pairs: TypeAlias = list[tuple[Any, Any]]

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SECRETS = [SECRET, OTHERS[0]]

_DATA = (
    b'"data":{"workflow_id":"wf_1","execution_id":"exec_1","status":"completed","duration_ms":3420}'
)
_BODIES = [
    b'{"event":"workflow.completed","timestamp":"2026-01-24T10:45:00Z",' + _DATA + b"}",
    b'{"event":"pipeline.failed","timestamp":"2026-01-24T10:45:00+01:00","data":{}}',
    '{"event":"execution.ended","data":{"é":[1,2.5,null,true,{"a":"\\u00e9"}]},"x":"ü"}'.encode(),
]
_ODD = [
    "",
    " ",
    "\x00",
    "\r\n",
    "\u00a0",
    "é",
    "\u0661\u0662",
    "\ud800",
    "\U0001f600",
    ",",
    ".",
    "=",
    "v1,",
    "v1a,",
    "%0a",
    "'",
    '"',
    "A" * 3000,
]
_TYPES = [None, 0, NOW, float(NOW), True, [], {}, b"", b"\xff\xfe", object()]


@attrs.define
class Mutant:
    """A delivery on its way to ruin."""

    body: Any
    headers: Pairs


@attrs.define
class Tally:
    """What became of all deliveries."""

    refused: int = 0
    unreadable: int = 0
    accepted: int = 0
    false_accepts: list[str] = attrs.Factory(list)
    foreign: Counter[str] = attrs.Factory(Counter)


def run(count: int, seed: int = 0) -> Tally:
    """Return what became of so many mutants."""
    chance, tally = random.Random(seed), Tally()
    originals = [_original(place) for place in range(len(_BODIES))]
    facts = {_facts(original) for original in originals}
    for _ in range(count):
        mutant, valid = _copy(chance.choice(originals)), facts
        if chance.random() < 0.1:  # signed by one who has the secret, but does not write JSON
            _mutate_body(mutant, chance, originals)
            mutant.headers = [*signed(bytes(mutant.body)).items()]
            valid = facts | {_facts(mutant)}
        for _ in range(chance.randint(1, 3)):
            chance.choice(_MUTATIONS)(mutant, chance, originals)
        _judge(mutant, valid, tally)
    return tally


def _judge(mutant: Mutant, valid: set[tuple[str, int, bytes]], tally: Tally) -> None:
    try:
        event = verify_webhook(mutant.body, mutant.headers, secrets=SECRETS, now=NOW)
    except WebhookPayloadError:
        tally.unreadable += 1
    except WebhookVerificationError:
        tally.refused += 1
    except Exception as error:  # noqa: BLE001 - that there are none is what is to be shown
        tally.foreign[f"{type(error).__name__}: {error}"[:200]] += 1
    else:
        tally.accepted += 1
        if (event.id, event.sent_at.timestamp(), bytes(mutant.body)) not in valid:
            tally.false_accepts.append(repr(mutant)[:500])


def _facts(mutant: Mutant) -> tuple[str, int, bytes]:
    """Return what a signature binds: id, time and body."""
    told = dict(mutant.headers)
    return told[ID], int(told[TIMESTAMP]), bytes(mutant.body)


def _original(place: int) -> Mutant:
    body = _BODIES[place]
    headers = signed(
        body, message_id=f"msg_{place}", timestamp=NOW - place, secret=SECRETS[place % 2]
    )
    if place == 2:
        headers[SIGNATURE] = f"v1a,c2ln {headers[SIGNATURE]} v2,abc"
    return Mutant(body, [("host", "a.example"), *headers.items(), ("Accept", "*/*")])


def _copy(mutant: Mutant) -> Mutant:
    return Mutant(mutant.body, [*mutant.headers])


def _mutate_body(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    mutant.body = _changed(bytes(mutant.body), chance)


def _rewrite_body(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    """Write the same JSON in another way."""
    try:
        value = json.loads(bytes(mutant.body))
    except ValueError:
        return
    ways: list[Callable[[], bytes]] = [
        lambda: json.dumps(value).encode(),
        lambda: json.dumps(value, sort_keys=True, indent=1).encode(),
        lambda: b"\xef\xbb\xbf" + bytes(mutant.body),
        lambda: bytes(mutant.body) + b"\n",
        lambda: json.dumps(value, ensure_ascii=False).encode("utf-16"),
    ]
    mutant.body = chance.choice(ways)()


def _retype_body(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    mutant.body = chance.choice([bytes, bytearray, memoryview])(bytes(mutant.body))


def _change_value(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    """Change some bytes of a header."""
    place, (name, value) = _pick(mutant, chance)
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    changed = _changed(data, chance)
    text = changed if chance.random() < 0.5 else changed.decode("latin-1")
    mutant.headers[place : place + 1] = [(name, text)]


def _insert_odd(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    place, (name, value) = _pick(mutant, chance)
    if isinstance(value, str):
        at = chance.randint(0, len(value))
        value = value[:at] + chance.choice(_ODD) + value[at + chance.randint(0, 1) :]
    mutant.headers[place : place + 1] = [(name, value)]


def _retype_value(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    place, (name, value) = _pick(mutant, chance)
    if isinstance(value, str) and chance.random() < 0.5:
        other: Any = value.encode("utf-8", "surrogatepass")
    else:
        other = chance.choice(_TYPES)
    mutant.headers[place : place + 1] = [(name, other)]


def _rename(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    place, (name, value) = _pick(mutant, chance)
    ways = [str.upper, str.title, str.encode, lambda text: text + " ", lambda text: text[:-1]]
    other = chance.choice(ways)(name) if isinstance(name, str) and name.isascii() else None
    mutant.headers[place : place + 1] = [(other, value)]


def _drop(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    del mutant.headers[_pick(mutant, chance)[0]]


def _repeat(mutant: Mutant, chance: random.Random, originals: list[Mutant]) -> None:
    """Add a header once more, its own or another delivery's."""
    source = mutant if chance.random() < 0.5 else chance.choice(originals)
    mutant.headers.insert(chance.randint(0, len(mutant.headers)), _pick(source, chance)[1])


def _fold(mutant: Mutant, chance: random.Random, originals: list[Mutant]) -> None:
    """Join a header with another delivery's, as proxies do."""
    place, (name, value) = _pick(mutant, chance)
    other = _pick(chance.choice(originals), chance)[1][1]
    text = chance.choice([", ", ",", " ", "; ", "\r\n "]).join([str(value), other])
    mutant.headers[place : place + 1] = [(name, text)]


def _exchange(mutant: Mutant, chance: random.Random, originals: list[Mutant]) -> None:
    """Take a part of another delivery."""
    other = chance.choice(originals)
    if chance.random() < 0.3:
        mutant.body = other.body
        return
    wanted = chance.choice([ID, TIMESTAMP, SIGNATURE])
    value = dict(other.headers)[wanted]
    mutant.headers = [(name, value if name == wanted else old) for name, old in mutant.headers]


def _swap(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    (one, (name, value)), (two, (other, told)) = _pick(mutant, chance), _pick(mutant, chance)
    mutant.headers[one] = (name, told)
    mutant.headers[two] = (other, value)


def _sign_otherwise(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    """Write the signature in another way, or another one."""
    ways: list[Callable[[str], str]] = [
        lambda text: text.replace("v1,", "v2,"),
        lambda text: text.replace("v1,", "V1,"),
        lambda text: text.replace("=", ""),
        lambda text: text.replace("=", "=="),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: text.lower(),
        lambda text: " ".join([text] * chance.randint(2, 20)),
        lambda text: f"v2,abc {text}",
        lambda text: f"{text} v1,{base64.b64encode(chance.randbytes(32)).decode()}",
        lambda _: f"v1,{base64.b64encode(chance.randbytes(chance.randint(0, 40))).decode()}",
        lambda text: text[: chance.randint(0, len(text))],
    ]
    way = chance.choice(ways)
    mutant.headers = [
        (name, way(value) if name == SIGNATURE and isinstance(value, str) else value)
        for name, value in mutant.headers
    ]


def _shift_time(mutant: Mutant, chance: random.Random, _: list[Mutant]) -> None:
    times = [NOW - 301, NOW + 301, NOW + 1, 0, -5, 10**12, f"0{NOW}", "1e9", f" {NOW}", f"{NOW}.0"]
    time = str(chance.choice(times))
    mutant.headers = [
        (name, time if name == TIMESTAMP else value) for name, value in mutant.headers
    ]


def _pick(mutant: Mutant, chance: random.Random) -> tuple[int, tuple[Any, Any]]:
    if not mutant.headers:
        mutant.headers.append(("host", "a.example"))
    place = chance.randrange(len(mutant.headers))
    return place, mutant.headers[place]


def _changed(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(changed))
        some = chance.randbytes(chance.randint(0, 3))
        changed[at : at + chance.randint(0, 3)] = some
    return bytes(changed)


_MUTATIONS: list[Callable[[Mutant, random.Random, list[Mutant]], None]] = [
    _mutate_body,
    _rewrite_body,
    _retype_body,
    _change_value,
    _change_value,
    _insert_odd,
    _insert_odd,
    _retype_value,
    _rename,
    _drop,
    _repeat,
    _fold,
    _exchange,
    _swap,
    _sign_otherwise,
    _sign_otherwise,
    _shift_time,
]


def main() -> None:
    """Run and print the tally."""
    parser = argparse.ArgumentParser(prog="python -m tests.core.webhooks.mutations")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    tally = run(given.count, given.seed)
    print(
        f"{given.count:,} mutated deliveries, seed {given.seed}: {tally.refused:,} refused, "
        f"{tally.unreadable:,} signed but unreadable, {tally.accepted:,} accepted as signed; "
        f"foreign exceptions {tally.foreign.total()}, false accepts {len(tally.false_accepts)}"
    )
    for line in [*tally.foreign, *tally.false_accepts][:20]:
        print(" ", line)
    raise SystemExit(bool(tally.foreign or tally.false_accepts))


if __name__ == "__main__":
    main()
