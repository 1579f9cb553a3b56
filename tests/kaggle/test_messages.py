"""The messages on the wire, byte by byte, and what Kaggle's own libraries read in them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd  # pyright: ignore[reportMissingTypeStubs]  # It has none.
import polars as pl
import pyarrow.ipc  # pyright: ignore[reportMissingTypeStubs]  # It has none.
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.kaggle.gateways.messages import Request, Response, decode, encode, schema
from aimo_solver.kaggle.gateways.predict import answer_frame

FRAME = pl.DataFrame({"id": ["a"], "answer": [42]})
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.floats(width=32, allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=8,
)


def test_the_schema_has_the_numbers_of_the_public_file() -> None:
    numbers = {message.name: {field.name: field.number for field in message.field} for message in schema().message_type}
    assert numbers["KaggleEvaluationRequest"] == {"name": 1, "args": 2, "kwargs": 3}
    assert numbers["KaggleEvaluationResponse"] == {"payload": 1}
    assert list(numbers["Payload"].values()) == list(range(1, 16))
    assert (numbers["Payload"]["polars_dataframe_value"], numbers["Payload"]["polars_series_value"]) == (10, 12)


def test_a_request_and_a_response_are_these_bytes() -> None:
    request = Request(name="predict", args=[encode("a"), encode(-2), encode([True])], kwargs={"k": encode(None)})
    assert request.SerializeToString(deterministic=True) == (
        b"\x0a\x07predict"
        b"\x12\x03\x0a\x01a"  # args: str_value, field 1
        b"\x12\x02\x18\x03"  # sint64, zigzag: -2 is 3
        b"\x12\x06\x32\x04\x0a\x02\x10\x01"  # list_value, field 6, of a bool_value, field 2
        b"\x1a\x07\x0a\x01k\x12\x02\x28\x01"  # kwargs: none_value, field 5
    )
    assert Response(payload=encode(1.5)).SerializeToString() == b"\x0a\x05\x25\x00\x00\xc0\x3f"


@given(plain)
def test_plain_values_return_as_they_were(value: object) -> None:
    assert decode(Response.FromString(Response(payload=encode(value)).SerializeToString()).payload) == value


def test_pyarrow_reads_our_frames_and_we_read_its_frames() -> None:
    ipc: Any = pyarrow.ipc
    payload: Any = encode(answer_frame("a", 42))
    with ipc.open_stream(payload.polars_dataframe_value) as reader:
        table = reader.read_all()
    assert table.to_pylist() == FRAME.to_dicts()
    buffer = io.BytesIO()
    with ipc.new_stream(buffer, table.schema, options=ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    payload.polars_dataframe_value = buffer.getvalue()
    assert decode(payload).equals(FRAME)


def test_pandas_reads_our_columns() -> None:
    pandas: Any = pd
    payload: Any = encode(pl.Series("problem", ["Gauß, $\\pi$ 🎲"]))
    frame = pandas.read_parquet(io.BytesIO(payload.polars_series_value))
    assert frame["problem"].tolist() == ["Gauß, $\\pi$ 🎲"]
    assert decode(payload).to_list() == ["Gauß, $\\pi$ 🎲"]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (pd.DataFrame({"id": ["a"], "answer": [42]}), FRAME),
        (pd.Series([1, 2], name="answer"), pl.Series("answer", [1, 2])),
        (pl.Series("id", ["a"]), pl.Series("id", ["a"])),
    ],
)
def test_frames_and_columns_of_both_libraries_arrive(value: object, read: Any) -> None:
    assert decode(encode(value)).equals(read)


def test_numpy_values_keep_their_type() -> None:
    assert decode(encode(np.int64(42))).dtype == np.dtype("int64")
    assert decode(encode(np.arange(3))).tolist() == [0, 1, 2]


def test_what_the_protocol_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="of a type that kaggle_evaluation knows, got <class 'object'>"):
        encode(object())
