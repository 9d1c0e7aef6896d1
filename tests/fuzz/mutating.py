"""Change bytes, texts and JSON a little: enough to be wrong, too little to be refused at sight."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any

_MOST_BYTES: Final = 200_000

ODD_BYTES: Final[tuple[bytes, ...]] = (
    b"",
    b"\0",
    b"\r\n",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b"\x1b[31m",
    b"%00",
    b"%0d%0a",
    b"%2e%2e",
    b"{",
    b"[",
    b'"',
    b"\\",
    b"\\ud800",
    b"-1",
    b"0",
    b"1e99999",
    b"99999999999999999999999999",
    b"NaN",
    b"Infinity",
    b"null",
    b"'",
    b"=",
    b"&",
    b"#",
    b"?",
    b"@",
    b":",
    b"//",
    b"..",
    b"[[[[" * 400,
    b"9" * 5000,
    b"A" * 3000,
)

ODD_TEXTS: Final[tuple[str, ...]] = (
    *(data.decode("latin-1") for data in ODD_BYTES),
    "\u00a0",
    "é",
    "\u0661\u0662",
    "\uff11",
    "\u2028",
    "\u202e",
    "\u061c",
    "\x9b",
    "\ud800",
    "\U0001f600",
    "①",
    "\uff0e",
    "\u017f",
    "\u212a",
    "\ufeff",
)

ODD_NUMBERS: Final[tuple[float, ...]] = (
    *(0, 1, -1, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 1e10, 1e18),
    *(0.5, -0.0, 1e308, 5e-324, 1640995200, 1640995200000, 12.0, 3.5),
)

ODD_WORDS: Final[tuple[str, ...]] = (
    "",
    "5",
    "true",
    "null",
    "active",
    "completed",
    "schedule",
    "webhook",
    "2026-01-24T10:15:00Z",
    "2026-01-24T10:15:00",
    "2026-01-24T10:15:60Z",
    "2026-01-24T25:15:00+99:99",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T10:15:00.999999999Z",
    "2026-W04-6T10:15Z",
    "20260124T101500Z",
    "\u0662\u0660\u0662\u0666-01-24T10:15:00Z",
    "\x1b]0;x\x07",
    "a\u202eb",
    "a\u061cb",
    "\ud800",
    "x" * 2000,
)


_LEAVES: Final[tuple[Sequence[Json], ...]] = (
    (None, True, False),
    ODD_NUMBERS,
    range(-1000, 1000),
    ODD_WORDS,
    ODD_WORDS,
)
_FIELDS: Final = ("id", "type", "data", "steps", "cron", "extra", "error", "x", "")


def changed_bytes(data: bytes, chance: random.Random, *, odd: Sequence[bytes] = ODD_BYTES) -> bytes:
    """Return bytes with one to four changes."""
    for _ in range(chance.randint(1, 4)):
        data = chance.choice(_WAYS)(data, chance, odd)
    return data[:_MOST_BYTES]


def changed_text(text: str, chance: random.Random, *, odd: Sequence[str] = ODD_TEXTS) -> str:
    """Return a text with one to three changes."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(0, len(text))
        way = chance.randrange(4)
        if way == 0:
            text = text[:at] + chance.choice(odd) + text[at + chance.randint(0, 1) :]
        elif way == 1:
            text = text[:at] + text[at + chance.randint(1, 4) :]
        elif way == 2:
            text = text[:at] + chr(chance.choice((chance.randrange(128), chance.randrange(0x3000))))
            text += text[at + 1 :]
        else:
            other = chance.randint(0, len(text))
            text = text[: max(at, other)] + text[min(at, other) :]
    return text


def changed_json(value: Json, chance: random.Random) -> Json:
    """Return JSON in which one to three fields, at any depth, are gone, new or of another type."""
    changed = copied(value)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = [*_containers(changed)]
        if not places:
            return random_json(chance)
        _change(chance.choice(places), chance)
    return changed


def random_json(chance: random.Random, depth: int = 3) -> Json:
    """Return any JSON."""
    kind = chance.randrange(9 if depth else 6)
    if kind < 6:
        return chance.choice(chance.choice(_LEAVES))
    size = chance.randint(0, 3)
    if kind == 6:
        return [random_json(chance, depth - 1) for _ in range(size)]
    return {chance.choice(_FIELDS): random_json(chance, depth - 1) for _ in range(size)}


def copied(value: Json) -> Json:
    """Return JSON that shares nothing with this."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def pieces(data: bytes, chance: random.Random, most: int = 4) -> list[bytes]:
    """Return bytes in one piece or several."""
    cuts = sorted(chance.randint(0, len(data)) for _ in range(chance.randint(0, most - 1)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


def _change(place: Json, chance: random.Random) -> None:
    if isinstance(place, list):
        at = chance.randrange(len(place))
        way = chance.randrange(3)
        if way == 0:
            del place[at]
        elif way == 1:
            place.insert(at, random_json(chance))
        else:
            place[at] = random_json(chance)
        return
    name = chance.choice([*place, "new", "extra"])
    if chance.random() < 0.3:
        place.pop(name, None)
    else:
        place[name] = random_json(chance)


def _containers(value: Json) -> Iterator[Json]:
    if value and isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _containers(item)


def _spans(data: bytes, chance: random.Random, longest: int) -> tuple[int, int]:
    at = chance.randint(0, len(data))
    return at, min(len(data), at + chance.randint(1, longest))


def _overwrite(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    at, end = _spans(data, chance, 3)
    return data[:at] + chance.randbytes(end - at) + data[end:]


def _flip(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _insert(data: bytes, chance: random.Random, odd: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice(odd) + data[at:]


def _replace(data: bytes, chance: random.Random, odd: Sequence[bytes]) -> bytes:
    at, end = _spans(data, chance, 8)
    return data[:at] + chance.choice(odd) + data[end:]


def _delete(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    at, end = _spans(data, chance, chance.choice((1, 4, 40)))
    return data[:at] + data[end:]


def _cut(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: chance.randint(0, len(data))] if chance.random() < 0.3 else data


def _repeat(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    at, end = _spans(data, chance, 60)
    return data[:end] + data[at:]


def _move_line(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Repeat a line elsewhere, or drop it: what headers and TOML are made of."""
    lines = data.split(b"\n")
    line = (
        chance.choice(lines) if chance.random() < 0.6 else lines.pop(chance.randrange(len(lines)))
    )
    lines.insert(chance.randint(0, len(lines)), line)
    return b"\n".join(lines)


def _number(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Put another digit in the place of one."""
    digits = [at for at, byte in enumerate(data[:4000]) if 48 <= byte <= 57]
    if not digits:
        return data
    at = chance.choice(digits)
    return data[:at] + str(chance.randrange(10)).encode() + data[at + 1 :]


_WAYS: Final[tuple[Callable[[bytes, random.Random, Sequence[bytes]], bytes], ...]] = (
    _overwrite,
    _flip,
    _insert,
    _insert,
    _replace,
    _delete,
    _cut,
    _repeat,
    _move_line,
    _number,
)
