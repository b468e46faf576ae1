"""``kafka-ml inferences``: the commands about answers: live views, tries, predictions, history, dead letters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafka_ml_cli.exits import ExitCode
from kafka_ml_cli.output import JsonOption, console, human_age, print_done, print_json, print_table
from kafka_ml_cli.session import client_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text

    from kafkaml.errors import DeadLettered
    from kafkaml.sdk import Prediction
    from kafkaml.sdk.types import LetterGroups

__all__ = ["dead_letters", "history", "predict", "try_", "view"]

# The most values of an answer that are printed. An answer that is a picture has hundreds of thousands.
_MAX_SHOWN_VALUES = 1000
_MAX_CELL_VALUES = 10


def view(
    context: typer.Context,
    inference: int,
    view: Annotated[str, typer.Argument(help="A JSON file, or JSON: type, labels and so on; null removes it.")],
    json: JsonOption = False,
) -> None:
    """Set how predictions are shown live."""
    config = _sample(view)
    if config is not None and not isinstance(config, dict):
        raise typer.BadParameter("the view is not a JSON object")
    changed = client_of(context).inferences.set_view(inference, config)
    done = "has no view of its own now" if config is None else "is shown like this now"
    print_done(changed, f"inference {inference} {done}", json=json)


def try_(
    context: typer.Context,
    inference: int,
    sample: Annotated[str, typer.Argument(help="A JSON or NPY file, or JSON: a number, (nested) lists, an object.")],
    shape: Annotated[str, typer.Option(help="For a flat list, for example '28 28'; the stream's by default.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, max=30, help="Wait this many seconds for the prediction.")] = 10.0,
    json: JsonOption = False,
) -> None:
    """Send one sample through Kafka and show the answer. Writes a real record to the input topic."""
    from kafkaml.dtypes import shape_from_wire
    from kafkaml.errors import DeadlineExceeded, RefusedError

    tried = client_of(context).inferences.try_sample(
        inference,
        _sample(sample),
        shape=shape_from_wire(shape) or None,
        timeout_seconds=timeout,
        max_values=None if json else _MAX_SHOWN_VALUES,
    )
    if json:
        return print_json(tried)
    place = "{topic}[{partition}]@{offset}".format(**tried.input)
    if tried.outcome == "no_answer":
        ahead = "" if tried.waiting_before is None else f"; {tried.waiting_before} records wait before it"
        raise DeadlineExceeded(
            f"no answer to {place} within {timeout:g} s{ahead}", hint=f"kafka-ml inferences show {inference}"
        )
    if tried.outcome == "dead_lettered":
        raise RefusedError(f"{place} could not be answered: {(tried.reason or {}).get('message', '')}")
    target = "{topic}[{partition}]@{offset}".format(**(tried.output or {}))
    console().print(_answer(tried.values, tried.labels), soft_wrap=True)
    if tried.include is not None:
        console().print(_included(tried.include), soft_wrap=True, markup=False)
    if (count := tried.values_count or 0) > _MAX_SHOWN_VALUES:
        console().print(f"the first {_MAX_SHOWN_VALUES:,} of {count:,} numbers; all of them: --json", style="dim")
    return console().print(
        f"{place} -> inference {inference}, version {tried.version} -> {target}, {tried.seconds * 1000:.0f} ms",
        style="dim",
    )


def predict(
    context: typer.Context,
    inference: int,
    file: Annotated[Path, typer.Argument(help="Samples: CSV, Parquet, JSON lines, JSON array, NPZ or NPY file.")],
    features: Annotated[str, typer.Option(help="Columns, comma-separated; NPZ: array. All by default.")] = "",
    skip: Annotated[int, typer.Option(min=0, help="Leave out the first samples.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Predict at most this many samples.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Wait this many seconds for the predictions.")] = 60.0,
    json: JsonOption = False,
) -> None:
    """Predict the samples of a file through Kafka. Writes real records to the input topic."""
    from kafka_ml_cli.files import FileOptions, open_samples

    samples = open_samples(file, FileOptions(features=features, with_labels=False, skip=skip, limit=limit))
    inferences = client_of(context).inferences
    answers: list[Prediction | DeadLettered] = []
    with console(error=True).status("predicting"):
        for part, _ in samples.parts():
            answers += inferences.predict_batch(inference, part, timeout_seconds=timeout)
    rows = [_predicted(number, answer) for number, answer in enumerate(answers, skip)]
    carries = any(row.get("include") for row in rows)
    if json:
        print_json(rows)
    else:
        print_table(
            rows,
            [
                ("sample", lambda row: row["sample"]),
                ("label", lambda row: row.get("label")),
                ("probability", lambda row: _short(row.get("probability"))),
                ("values, or why there are none", lambda row: row.get("error") or _short(row["values"])),
                *([("include", lambda row: _included(row.get("include") or {}))] if carries else []),
            ],
            nothing="",
        )
    if any("error" in row for row in rows):
        raise typer.Exit(ExitCode.FAILED)


def _predicted(number: int, answer: Prediction | DeadLettered) -> dict[str, Any]:
    from kafkaml.errors import DeadLettered

    if isinstance(answer, DeadLettered):
        return {"sample": number, "error": answer.message, "stage": answer.stage}
    return {
        "sample": number,
        "label": answer.label,
        "probability": answer.probability,
        "values": answer.values.tolist(),
        "version": answer.version,
        "seconds": round(answer.seconds, 4),
        "source": answer.source,
        "place": answer.place,
        **({"include": dict(answer.include)} if answer.include else {}),
    }


def _included(include: Mapping[str, Any]) -> str:
    """What an answer carries of its record."""
    return ", ".join(f"{name}={_short(value)}" for name, value in include.items())


def _short(value: Any) -> str:
    """A cell of the table, with long answers cut."""
    if isinstance(value, list):
        return ", ".join(map(_short, value[:_MAX_CELL_VALUES])) + (", ..." if len(value) > _MAX_CELL_VALUES else "")
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def history(
    context: typer.Context,
    inference: int,
    step: Annotated[int, typer.Option(min=1, max=60, help="Minutes summed up in one line.")] = 10,
    json: JsonOption = False,
) -> None:
    """Show what an inference did in the last 24 hours."""
    found = client_of(context).inferences.history(inference, step_minutes=step)
    if json:
        return print_json(found)
    return print_table(
        found.steps,
        [
            ("from", lambda row: f"{row.at.astimezone():%a %H:%M}"),
            ("predicted", lambda row: f"{row.predicted:,}"),
            ("records/s", lambda row: f"{row.rate:,.1f}"),
            ("lag", lambda row: row.lag),
            ("p50 ms", lambda row: None if row.p50_ms is None else f"{row.p50_ms:,.1f}"),
            ("p99 ms", lambda row: None if row.p99_ms is None else f"{row.p99_ms:,.1f}"),
            ("confidence", lambda row: "" if row.confidence is None else f"{row.confidence:.1%}"),
            ("dead letters", lambda row: f"{row.dead_lettered:,}" if row.dead_lettered else ""),
            ("sent up", lambda row: f"{row.sent_up:,}" if row.sent_up else ""),
            ("restarts", lambda row: row.restarts or ""),
            ("attempt", lambda row: row.attempt),
            ("revision", lambda row: row.revision),
        ],
        nothing=f"no replica of inference {inference} reported anything in the last 24 hours",
    )


def dead_letters(
    context: typer.Context,
    inference: int,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, max=100, help="Show this many, newest first, one by one.")
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Send all of them back to the input topic.")] = False,
    json: JsonOption = False,
) -> None:
    """Show records that could not be answered, grouped by reason or one by one, or send them back."""
    client = client_of(context)
    if replay:
        done = client.inferences.replay_dead_letters(inference)
        if json:
            return print_json(done)
        left_out = done["cut"] + done["superseded"]
        more = "; there are more: run the same command again" if done["more"] else ""
        return console().print(
            f"{done['replayed']} records sent back to {done['input_topic']}"
            f"{f', {left_out} left out' if left_out else ''}{more}"
        )
    if count is None:
        groups = client.inferences.dead_letter_groups(inference)
        return print_json(groups) if json else _print_groups(groups, inference)
    page = client.inferences.dead_letters(inference, limit=count)
    if json:
        return print_json(page)
    return print_table(
        page.letters,
        [
            ("place", lambda row: f"{row['record']['partition']}@{row['record']['offset']}"),
            ("was", lambda row: "{topic}[{partition}]@{offset}".format(**row["source"]) if row["source"] else ""),
            ("stage", lambda row: row["reason"]["stage"]),
            ("bytes", lambda row: row["cut_from_bytes"] or row["record"]["value_size"]),
            ("reason", lambda row: row["reason"]["message"]),
        ],
        nothing=f"no dead letters in {page.topic}",
    )


def _print_groups(found: LetterGroups, inference: int) -> None:
    print_table(
        found.groups,
        [
            ("records", lambda row: f"{row.count:,}"),
            ("last", lambda row: human_age(row.last_at)),
            ("first", lambda row: human_age(row.first_at)),
            ("newest", lambda row: "{partition}@{offset}".format(**row.sample["record"])),
            ("stage", lambda row: row.reason["stage"]),
            ("reason", lambda row: row.reason["message"]),
        ],
        nothing=f"no dead letters of inference {inference} in {found.topic}",
    )
    if not found.complete:
        console(error=True).print(f"only the newest {found.letters:,} were looked at", style="dim")
    if found.groups:
        console(error=True).print(f"one by one: kafka-ml inferences dead-letters {inference} -n 20", style="dim")


def _sample(text: str) -> object:
    """Return the sample that ``text`` is or names: JSON, or a file of JSON or NPY with one sample."""
    import numpy as np
    import orjson

    try:
        path = Path(text)
        if path.suffix == ".npy" and path.is_file():
            return np.load(path, allow_pickle=False).tolist()
        return orjson.loads(path.read_bytes() if path.is_file() else text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{text[:80]!r} is neither a file of JSON or NPY nor JSON: {error}") from error


def _answer(values: Any, labels: Any) -> Text | str:
    """The likeliest class first where there are classes, otherwise the numbers."""
    import orjson

    from kafkaml.terminal import styled

    numbers = isinstance(values, list) and all(isinstance(value, (int, float)) for value in values)
    if not numbers or len(values) < 2 or not labels or len(labels) != len(values):
        return orjson.dumps(values).decode()
    best = max(range(len(values)), key=values.__getitem__)
    scores = "  ".join(f"{label} {value:.4g}" for label, value in zip(labels, values, strict=True))
    return styled("[bold cyan]{best}[/]  [dim]{scores}[/]", best=labels[best], scores=scores)
