"""A gateway as a program of its own: python -m tests.helpers.gateway_process ADDRESS PROBLEMS SUBMISSION.

It does what public copies of Kaggle's relay and gateway do, with the libraries that they use: columns are
written as Parquet, replies are read as an Arrow stream by pyarrow, the answers are joined by pandas. Only
the messages' schema is ours. One difference: at the end it lets a server of ours return.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import pandas as pd  # pyright: ignore[reportMissingTypeStubs]  # It has none.
import polars as pl
import pyarrow.ipc  # pyright: ignore[reportMissingTypeStubs]  # It has none.

from aimo_solver.kaggle.gateways.messages import METHOD, SERVICE, Request, Response
from aimo_solver.kaggle.gateways.relay import END

STARTUP_SECONDS = 60.0
PAUSE_SECONDS = 0.1


def column(series: pl.Series) -> Any:
    """Returns a column as the gateway sends it."""
    buffer = io.BytesIO()
    pl.DataFrame(series).write_parquet(buffer, compression="lz4", statistics=False)
    return {"polars_series_value": buffer.getvalue()}


def frame(payload: Any) -> pd.DataFrame:
    """Returns the frame in a reply."""
    assert payload.WhichOneof("value") == "polars_dataframe_value", payload.WhichOneof("value")
    ipc: Any = pyarrow.ipc
    with ipc.open_stream(payload.polars_dataframe_value) as reader:
        return reader.read_all().to_pandas()


def to_bytes(message: Any) -> bytes:
    return message.SerializeToString()


def main(address: str, problems: Path, submission: Path) -> None:
    channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
    send = channel.unary_unary(
        f"/{SERVICE}/{METHOD}",
        request_serializer=to_bytes,
        response_deserializer=Response.FromString,
    )
    give_up_at, answers = time.monotonic() + STARTUP_SECONDS, list[pd.DataFrame]()
    for row in pl.read_csv(problems, infer_schema=False).iter_slices(1):
        request = Request(name="predict", args=[column(one) for one in row.get_columns()])
        while True:
            try:
                answers.append(frame(send(request).payload))
                break
            except grpc.RpcError as error:
                code: Any = error
                if code.code() is not grpc.StatusCode.UNAVAILABLE or answers or time.monotonic() > give_up_at:
                    raise
                time.sleep(PAUSE_SECONDS)
    pandas: Any = pd
    pandas.concat(answers, ignore_index=True).to_parquet(submission, index=False)
    send(Request(name=END))
    channel.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
