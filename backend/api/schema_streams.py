"""The addresses that are not REST framework views, for the API's description: streams of events, and exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.api.schema_problems import PROBLEM_CONTENT, problem_reference

__all__ = ["outside_rest_framework"]

_Operation = dict[str, Any]
_Parameter = dict[str, Any]

_EVENT_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}
_FILE = {"application/octet-stream": {"schema": {"type": "string"}}}
_PROBLEM_EVENT = "An event ``problem`` holds a problem document and ends the stream."
# Parameters of a topic's records that say which page is shown, not how records are read.
_OF_PAGES = ("start", "timestamp", "before", "after", "limit")


def outside_rest_framework(paths: Mapping[str, Any]) -> dict[str, dict[str, _Operation]]:
    """Return the operations by address and method. ``paths`` are the operations that are known already."""
    records: Sequence[_Parameter] = paths["/api/topics/{name}/records/"]["get"]["parameters"]
    return {
        "/api/events/": {"get": _events()},
        "/api/inferences/{id}/predictions/": {"get": _predictions()},
        "/api/topics/{name}/tail/": {"get": _tail([entry for entry in records if entry["name"] not in _OF_PAGES])},
        "/api/datasets/{id}/export/": {"get": _dataset_export()},
        "/api/streams/{id}/export/": {"get": _stream_export()},
    }


def _events() -> _Operation:
    return _operation(
        "events",
        "events_stream",
        "Follow changes of all objects",
        "Events are named by the kind of object that changed, such as ``results``. ``reset`` means that events were "
        "missed, so that the client has to read everything again. ``alive`` comes after two seconds without any other "
        "event. ``busy`` means that too many clients listen, and ends the stream.",
        [
            _query("topics", "Kinds of objects, separated by commas. By default all of them.", type="string"),
            {
                "name": "Last-Event-ID",
                "in": "header",
                "schema": {"type": "string"},
                "description": "Id of the last event that the client received. The stream continues after it.",
            },
        ],
        {"200": _answer("Server-sent events. The answer does not end.", _EVENT_STREAM)},
    )


def _predictions() -> _Operation:
    return _operation(
        "events",
        "inferences_predictions",
        "Follow the predictions of an inference",
        "Begins with an event ``snapshot`` of the latest predictions. An event ``frame`` sums up what has been written "
        "since the last one, at most 20 times a second. ``waiting`` means that the output topic does not exist yet. "
        f"{_PROBLEM_EVENT} Parameters take precedence over the inference's saved ``visualization``.",
        [
            _id_of("inference"),
            _query(
                "type",
                "What predictions are.\n\n* ``auto``: What the training, or the first prediction, suggests.\n"
                "* ``classification``: Scores of classes.\n* ``regression``: Numbers.",
                enum=["auto", "classification", "regression"],
            ),
            _query(
                "average_updated",
                "Shows the class with the highest mean over the window as the current one, not the last class.",
                type="boolean",
            ),
            _query("average_window", "Length of the window, in milliseconds.", type="integer"),
            _query("outputs", "Positions of the outputs to show, from 0, separated by commas.", type="string"),
            _query(
                "map",
                "Positions of latitude and longitude, as output:0:1 or input:0:1. off shows no map.",
                type="string",
            ),
        ],
        {"200": _answer("Server-sent events. The answer does not end.", _EVENT_STREAM)},
    )


def _tail(parameters: list[_Parameter]) -> _Operation:
    return _operation(
        "topics",
        "topics_tail",
        "Follow the records that arrive in a topic",
        "An event ``opened`` says how records are read. An event ``records`` has the number of records that have "
        "``arrived`` since the last one, and at most 20 of them, the newest first. It comes at most 10 times a second. "
        f"{_PROBLEM_EVENT}",
        parameters,
        {"200": _answer("Server-sent events. The answer does not end.", _EVENT_STREAM)},
    )


def _dataset_export() -> _Operation:
    return _operation(
        "datasets",
        "datasets_export",
        "Download the samples of a data set as a file",
        _EXPORT,
        [
            _id_of("data set"),
            _query("version", "Number of the version. By default the newest.", type="integer"),
            _query(
                "until",
                "For a version without end: leaves out records from this time on.",
                type="string",
                format="date-time",
            ),
            _EXPORT_FORMAT,
        ],
        {"200": _answer("The file.", _FILE)},
    )


def _stream_export() -> _Operation:
    refused = "A data set announced the stream, which can be exported itself. Or the stream has no end."
    return _operation(
        "streams",
        "streams_export",
        "Download the samples of a stream as a file",
        _EXPORT,
        [_id_of("stream"), _EXPORT_FORMAT],
        {"200": _answer("The file.", _FILE), "409": _answer(refused, PROBLEM_CONTENT)},
    )


def _operation(
    tag: str,
    operation_id: str,
    summary: str,
    description: str,
    parameters: list[_Parameter],
    answers: Mapping[str, Any],
) -> _Operation:
    statuses = (400, 401, 404) if any(parameter["in"] == "path" for parameter in parameters) else (400, 401)
    problems = {**{str(status): problem_reference(status) for status in statuses}, "default": problem_reference()}
    return {
        "tags": [tag],
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        "security": [{"accessToken": []}, {"session": []}],
        "parameters": parameters,
        "responses": {**answers, **problems},
    }


def _id_of(noun: str) -> _Parameter:
    schema = {"type": "integer"}
    return {"name": "id", "in": "path", "required": True, "schema": schema, "description": f"Number of the {noun}."}


def _query(name: str, description: str, **schema: Any) -> _Parameter:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _answer(description: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": content}


_EXPORT = (
    "The file has the samples as a model gets them, their labels, and the part that each is in: training, validation "
    "or test. The answer begins once the file has been written, which may take minutes. 503 means that two exports are "
    "running already."
)
_EXPORT_FORMAT = _query(
    "format",
    "Format of the file.\n\n* ``parquet``: A table with one row per sample. This is the default.\n"
    "* ``npz``: Named arrays, for ``numpy.load``.",
    enum=["parquet", "npz"],
)
