"""Things that are found by a secret."""

from __future__ import annotations

from cloudflow_async.emulator.base.expiring_dict import ExpiringDict


def test_only_the_very_secret_finds_a_thing() -> None:
    """Beginnings, other alphabets and broken text find nothing."""
    entries: ExpiringDict[str] = ExpiringDict()
    entries.put("secret-one", "thing", now=0, until=10)
    wrong = ["", "secret-on", "secret-one ", "SECRET-ONE", "ключ", "\udcff"]

    assert entries.find("secret-one") == "thing"
    assert [entries.find(text) for text in wrong] == [None] * len(wrong)


def test_secrets_themselves_are_not_kept() -> None:
    """Who looks into the dictionary learns no secret."""
    entries: ExpiringDict[str] = ExpiringDict()
    entries.put("secret-one", "thing", now=0, until=10)

    assert "secret-one" not in repr(vars(entries))


def test_what_was_removed_is_gone_and_removing_twice_is_no_error() -> None:
    """It is as if it had never been there."""
    entries: ExpiringDict[str] = ExpiringDict()
    entries.put("secret", "thing", now=0, until=10)
    entries.remove("secret")
    entries.remove("secret")

    assert entries.find("secret") is None
    assert len(entries) == 0


def test_things_whose_time_is_over_make_room() -> None:
    """Ten thousand things of ten seconds each, one a second, never pile up."""
    entries: ExpiringDict[int] = ExpiringDict()
    sizes = []
    for second in range(10_000):
        entries.put(f"secret-{second}", second, now=second, until=second + 10)
        sizes.append(len(entries))

    assert max(sizes) <= 64
    assert [entries.find(f"secret-{second}") for second in (9_995, 9_999)] == [9_995, 9_999]


def test_nothing_is_forgotten_before_its_time() -> None:
    """A thousand things at once are all there."""
    entries: ExpiringDict[int] = ExpiringDict()
    for number in range(1_000):
        entries.put(f"secret-{number}", number, now=0, until=10)

    assert [entries.find(f"secret-{number}") for number in range(1_000)] == list(range(1_000))
