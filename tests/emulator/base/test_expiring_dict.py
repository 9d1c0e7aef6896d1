"""Things that are found by a secret."""

from __future__ import annotations

from cloudflow_async.emulator.base.expiring_dict import Shelf


def test_only_the_very_secret_finds_a_thing() -> None:
    """Beginnings, other alphabets and broken text find nothing."""
    shelf: Shelf[str] = Shelf()
    shelf.put("secret-one", "thing", now=0, until=10)
    wrong = ["", "secret-on", "secret-one ", "SECRET-ONE", "ключ", "\udcff"]

    assert shelf.find("secret-one") == "thing"
    assert [shelf.find(text) for text in wrong] == [None] * len(wrong)


def test_secrets_themselves_are_not_kept() -> None:
    """Who looks into the shelf learns no secret."""
    shelf: Shelf[str] = Shelf()
    shelf.put("secret-one", "thing", now=0, until=10)

    assert "secret-one" not in repr(vars(shelf))


def test_what_was_removed_is_gone_and_removing_twice_is_no_error() -> None:
    """It is as if it had never been there."""
    shelf: Shelf[str] = Shelf()
    shelf.put("secret", "thing", now=0, until=10)
    shelf.remove("secret")
    shelf.remove("secret")

    assert shelf.find("secret") is None
    assert len(shelf) == 0


def test_things_whose_time_is_over_make_room() -> None:
    """Ten thousand things of ten seconds each, one a second, never pile up."""
    shelf: Shelf[int] = Shelf()
    sizes = []
    for second in range(10_000):
        shelf.put(f"secret-{second}", second, now=second, until=second + 10)
        sizes.append(len(shelf))

    assert max(sizes) <= 64
    assert [shelf.find(f"secret-{second}") for second in (9_995, 9_999)] == [9_995, 9_999]


def test_nothing_is_forgotten_before_its_time() -> None:
    """A thousand things at once are all there."""
    shelf: Shelf[int] = Shelf()
    for number in range(1_000):
        shelf.put(f"secret-{number}", number, now=0, until=10)

    assert [shelf.find(f"secret-{number}") for number in range(1_000)] == list(range(1_000))
