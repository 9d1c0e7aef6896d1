"""What holds for every model, tried on the API document's own samples."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.codec.decode import decode, decode_list, encode
from cloudflow_async._core.codec.fields import is_model
from cloudflow_async._core.errors import DecodeError
from tests.cloudflow.samples import SAMPLES

each_model = pytest.mark.parametrize(
    ("cls", "sample"), SAMPLES, ids=[cls.__name__ for cls, _ in SAMPLES]
)


def without_nulls(value: Any) -> Any:
    """Return JSON without the fields that are null, and without a secret."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key != "secret" and item is not None}
        return {key: without_nulls(item) for key, item in kept.items()}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def models_in(model: Any) -> Iterator[Any]:
    """Yield a model and all models in its fields."""
    yield model
    for field in attrs.fields(type(model)):
        value = getattr(model, field.name)
        for item in value if isinstance(value, tuple) else [value]:
            if is_model(type(item)):
                yield from models_in(item)


@each_model
def test_nothing_documented_is_unknown(cls: type[Any], sample: Any) -> None:
    """Every field of the document's samples has a field in its model."""
    for model in models_in(decode(cls, sample)):
        assert {} == model.extra


@each_model
def test_a_sample_is_encoded_to_itself(cls: type[Any], sample: Any) -> None:
    """Encoding what was decoded gives the sample again, but for nulls."""
    assert without_nulls(sample) == encode(decode(cls, sample))


@each_model
def test_unknown_fields_are_kept(cls: type[Any], sample: Any) -> None:
    """Undocumented fields are kept as they came, and come back when encoded."""
    unknown = {"new": {"nested": [1, None]}, "extra": 5}
    model = decode(cls, sample | unknown)

    assert unknown == model.extra
    assert without_nulls(sample) | unknown == encode(model)


@each_model
def test_models_pickle_copy_and_compare(cls: type[Any], sample: Any) -> None:
    """Copies of any kind are equal, of the same class and hash alike."""
    model = decode(cls, sample | {"new": [1]})

    for other in (
        decode(cls, sample | {"new": [1]}),
        pickle.loads(pickle.dumps(model)),  # noqa: S301 - our own bytes
        copy.copy(model),
        copy.deepcopy(model),
        attrs.evolve(model),
    ):
        assert (type(model), model, hash(model)) == (type(other), other, hash(other))
    assert model != decode(cls, sample)


@each_model
def test_models_cannot_be_changed(cls: type[Any], sample: Any) -> None:
    """Setting or deleting any attribute, known or new, is an AttributeError."""
    for model in models_in(decode(cls, sample)):
        for name in [*attrs.fields_dict(type(model)), "brand_new"]:
            with pytest.raises(AttributeError):
                setattr(model, name, None)
            with pytest.raises(AttributeError):
                delattr(model, name)


@each_model
def test_models_are_made_like_the_decoded_ones(cls: type[Any], sample: Any) -> None:
    """The constructor makes an instance equal to the decoded one."""
    model = decode(cls, sample)

    assert model == cls(**{name: getattr(model, name) for name in attrs.fields_dict(cls)})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["2026-01-24T10:15:00Z", "2026-01-24", "active", "schedule"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "id", "cron", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def nearly(draw: st.DrawFn, sample: Any) -> Any:
    """Return a sample with one field, at any depth, added, removed or of another type."""
    changed = copy.deepcopy(sample)
    place = draw(st.sampled_from([*containers(changed)]))
    keys = [*place, "new"] if isinstance(place, dict) else range(len(place))
    key = draw(st.sampled_from(keys))
    if isinstance(place, dict) and draw(st.booleans()):
        place.pop(key, None)
    else:
        place[key] = draw(JSON)
    return changed


def containers(value: Any) -> Iterator[Any]:
    """Yield all objects, and all arrays that are not empty, inside of a value."""
    if value and isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


@each_model
@given(data=st.data())
def test_one_odd_field_is_decoded_or_named(cls: type[Any], sample: Any, data: Any) -> None:
    """Whatever one field is, the answer is a model, or a DecodeError with a path."""
    row = data.draw(nearly(sample))
    try:
        model = decode(cls, row)
    except DecodeError as error:
        assert error.path  # noqa: PT017 - either way is right
    else:
        assert model == decode(cls, encode(model))  # type: ignore[arg-type]


@each_model
@given(data=st.data())
def test_a_page_is_decoded_like_its_rows(cls: type[Any], sample: Any, data: Any) -> None:
    """A list gives what each row gives alone, or the error of one of the rows that fail."""
    rows = data.draw(st.lists(st.just(sample) | nearly(sample), max_size=5))
    alone: dict[str | None, Any] = {}
    for place, row in enumerate(rows):
        try:
            alone[f"{place}"] = decode(cls, row)
        except DecodeError as error:
            at = f"data[{place}]" if error.path == "$" else f"data[{place}].{error.path}"
            alone[at] = str(error).partition(" ")[2]
    try:
        models = decode_list(cls, rows)
    except DecodeError as error:
        assert alone[error.path] == str(error).partition(" ")[2]  # noqa: PT017 - either is right
    else:
        assert [*alone.values()] == models
