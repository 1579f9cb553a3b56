"""The messages of `kaggle_evaluation`: how a gateway's call and a server's reply travel over gRPC.

One service with one method, `Send`: a request is a function's name with its arguments, a response one
value. A value is a oneof of Python's own types, and of frames and columns as bytes: a polars frame as an
Arrow IPC stream, a column and a pandas frame as Parquet, an array as NumPy's file format. Names, numbers
and encodings are those of public copies of the package (`kaggle_evaluation.proto` and `core/relay.py`, the
same from Progress Prize 2 on); the code is ours.

The schema stands in a pool of its own: Kaggle's generated code may be loaded in the same process.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import polars as pl
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

SERVICE: Final = "kaggle_evaluation_client.KaggleEvaluationService"
METHOD: Final = "Send"
COMPRESSION: Final = "lz4"

_PACKAGE: Final = "kaggle_evaluation_client"
_PAYLOAD_FIELDS: Final[Mapping[str, int | str]] = {
    "str_value": FieldDescriptorProto.TYPE_STRING,
    "bool_value": FieldDescriptorProto.TYPE_BOOL,
    "int_value": FieldDescriptorProto.TYPE_SINT64,
    "float_value": FieldDescriptorProto.TYPE_FLOAT,
    "none_value": FieldDescriptorProto.TYPE_BOOL,
    "list_value": "PayloadList",
    "tuple_value": "PayloadList",
    "dict_value": "PayloadMap",
    "pandas_dataframe_value": FieldDescriptorProto.TYPE_BYTES,
    "polars_dataframe_value": FieldDescriptorProto.TYPE_BYTES,
    "pandas_series_value": FieldDescriptorProto.TYPE_BYTES,
    "polars_series_value": FieldDescriptorProto.TYPE_BYTES,
    "numpy_array_value": FieldDescriptorProto.TYPE_BYTES,
    "numpy_scalar_value": FieldDescriptorProto.TYPE_BYTES,
    "bytes_io_value": FieldDescriptorProto.TYPE_BYTES,
}
"""A value's kinds, in the order of their numbers, with their types or messages."""


def schema() -> FileDescriptorProto:
    """Returns the description of every message."""
    file = FileDescriptorProto(name="kaggle_evaluation.proto", package=_PACKAGE, syntax="proto3")
    request = file.message_type.add(name="KaggleEvaluationRequest")
    _add_field(request, "name", FieldDescriptorProto.TYPE_STRING)
    _add_field(request, "args", "Payload", repeated=True)
    _add_map(request, "kwargs", "KwargsEntry")
    _add_field(file.message_type.add(name="KaggleEvaluationResponse"), "payload", "Payload")
    payload = file.message_type.add(name="Payload")
    payload.oneof_decl.add(name="value")
    for name, kind in _PAYLOAD_FIELDS.items():
        _add_field(payload, name, kind).oneof_index = 0
    _add_field(file.message_type.add(name="PayloadList"), "payloads", "Payload", repeated=True)
    _add_map(file.message_type.add(name="PayloadMap"), "payload_map", "PayloadMapEntry")
    return file


def _add_field(message: DescriptorProto, name: str, kind: int | str, *, repeated: bool = False) -> FieldDescriptorProto:
    """Adds the next field; `kind` is a scalar's type, or the name of a message."""
    field = message.field.add(name=name, number=len(message.field) + 1)
    field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    if isinstance(kind, str):
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    else:
        field.type = cast(Any, kind)
    return field


def _add_map(message: DescriptorProto, name: str, entry_name: str) -> None:
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    _add_field(entry, "key", FieldDescriptorProto.TYPE_STRING)
    _add_field(entry, "value", "Payload")
    _add_field(message, name, f"{message.name}.{entry_name}", repeated=True)


_pool: Final = DescriptorPool()
_pool.Add(schema())


def _class(name: str) -> Callable[..., Any]:
    return cast("Callable[..., Any]", GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")))


Request: Final[Any] = _class("KaggleEvaluationRequest")
Response: Final[Any] = _class("KaggleEvaluationResponse")
_Payload: Final[Any] = _class("Payload")
_PayloadList: Final[Any] = _class("PayloadList")
_PayloadMap: Final[Any] = _class("PayloadMap")


def encode(value: object) -> Message:
    """Returns the value as a payload. Raises TypeError for a type that the protocol does not know."""
    kind, content = _encoded(value)
    return _Payload(**{kind: content})


def decode(payload: Any) -> Any:
    """Returns a payload's value. A pandas frame or column comes as one of polars."""
    kind = payload.WhichOneof("value")
    if kind is None:
        raise TypeError("the payload has no value")
    return _DECODERS[kind](getattr(payload, kind))


def _encoded(value: object) -> tuple[str, object]:
    """Returns the kind of a value, and its content there."""
    match value:
        case np.number() | np.bool_():  # Before Python's own: np.float64 is a float, too.
            return "numpy_scalar_value", _npy(value)
        case str():
            return "str_value", value
        case bool():  # Before int, which it is, too.
            return "bool_value", value
        case int():
            return "int_value", value
        case float():
            return "float_value", value
        case None:
            return "none_value", True
        case list() | tuple():
            items = cast(Sequence[object], value)
            return "list_value" if isinstance(value, list) else "tuple_value", _PayloadList(payloads=map(encode, items))
        case dict():
            entries = cast(Mapping[str, object], value)
            return "dict_value", _PayloadMap(payload_map={key: encode(item) for key, item in entries.items()})
        case pl.DataFrame():
            return "polars_dataframe_value", _written(
                lambda file: value.write_ipc_stream(file, compression=COMPRESSION)
            )
        case pl.Series():
            frame = pl.DataFrame(value)
            return "polars_series_value", _written(
                lambda file: frame.write_parquet(file, compression=COMPRESSION, statistics=False)
            )
        case np.ndarray():
            return "numpy_array_value", _npy(cast(Any, value))
        case io.BytesIO():
            return "bytes_io_value", value.getvalue()
        case _:
            return _encoded_pandas(value)


def _encoded_pandas(value: object) -> tuple[str, object]:
    """Encodes a frame or a column of pandas, which is not imported for it."""
    pandas: Any = value
    name = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if name == "pandas.DataFrame":
        write = pandas.to_parquet
        return "pandas_dataframe_value", _written(lambda file: write(file, index=False, compression=COMPRESSION))
    if name == "pandas.Series":
        write = pandas.to_frame(name=str(pandas.name)).to_parquet
        return "pandas_series_value", _written(lambda file: write(file, index=False, compression=COMPRESSION))
    raise TypeError(f"a value must be of a type that kaggle_evaluation knows, got {type(value)!r}")


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _npy(array: Any) -> bytes:
    return _written(lambda file: np.save(file, array, allow_pickle=False))


def _same(content: Any) -> Any:
    return content


def _loaded(content: bytes) -> Any:
    return np.load(io.BytesIO(content), allow_pickle=False)


def _column(content: bytes) -> pl.Series:
    return pl.read_parquet(io.BytesIO(content)).to_series()


_DECODERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "str_value": _same,
    "bool_value": _same,
    "int_value": _same,
    "float_value": _same,
    "none_value": lambda content: None,
    "list_value": lambda content: [decode(item) for item in content.payloads],
    "tuple_value": lambda content: tuple(decode(item) for item in content.payloads),
    "dict_value": lambda content: {key: decode(item) for key, item in content.payload_map.items()},
    "pandas_dataframe_value": lambda content: pl.read_parquet(io.BytesIO(content)),
    "polars_dataframe_value": lambda content: pl.read_ipc_stream(io.BytesIO(content)),
    "pandas_series_value": _column,
    "polars_series_value": _column,
    "numpy_array_value": _loaded,
    "numpy_scalar_value": lambda content: _loaded(content)[()],
    "bytes_io_value": io.BytesIO,
}
