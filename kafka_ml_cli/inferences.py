"""``kafka-ml inferences``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafka_ml_cli.chains import StartOption, create_chain
from kafka_ml_cli.clusters import cluster_named
from kafka_ml_cli.exits import ExitCode
from kafka_ml_cli.input_checks import ConfigOption, FormatOption, InputOption, VersionOption, check, json_object
from kafka_ml_cli.nouns import add_delete_many, add_show
from kafka_ml_cli.output import JsonOption, console, human_age, print_done, print_json, print_table, styled_state
from kafka_ml_cli.runs import add_run_commands
from kafka_ml_cli.session import asked, client_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text

    from kafkaml.errors import DeadLettered
    from kafkaml.sdk import Prediction
    from kafkaml.sdk.types import Inference, LetterGroups, SwapReport

# A picture as an answer has hundreds of thousands.
_MAX_SHOWN_VALUES = 1000
_MAX_CELL_VALUES = 10
_COMPARE = "kafka-ml inferences compare {}, then promote or drop"

app = typer.Typer(name="inferences", help="Trained models that answer on topics.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only those in this state; failing: that run but fail.")] = None,
    json: JsonOption = False,
) -> None:
    """List inferences."""
    rows = client_of(context).inferences.list(state=state)
    print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("model", lambda row: row.model_name or f"result {row.result}"),
            ("version", lambda row: row.version),
            ("state", lambda row: styled_state(row.shown_state)),
            ("replicas", _serving),
            ("predicted", lambda row: f"{row.stats.predicted:,}"),
            ("dead letters", lambda row: f"{row.stats.dead_lettered:,}" if row.stats.dead_lettered else ""),
            ("warming up", lambda row: f"{row.stats.warming_up:,}" if row.stats.warming_up else ""),
            ("records/s", lambda row: f"{row.stats.rate:,.0f}"),
            ("lag", lambda row: row.stats.lag),
            ("input -> output", lambda row: f"{row.input_topic} -> {row.output_topic}"),
        ],
        nothing="no inferences yet; make one: kafka-ml inferences create RESULT --input TOPIC --output TOPIC",
        json=json,
    )
    for row in rows if not json else ():
        if row.failing:
            console(error=True).print(f"inference {row.id} fails: {row.failing.reason}", style="red", soft_wrap=True)


def _serving(row: Inference) -> str:
    return f"{row.ready_replicas}/{row.replicas}" if row.replicas else f"{row.ready_replicas} elsewhere"


add_show(app, "Show one inference with the figures of its replicas.", remark=lambda found: _failing(found))


def _failing(row: Inference) -> str:
    return f"failing: {row.failing.reason}\nwhat to do: {row.failing.hint}" if row.failing else ""


@app.command()
def create(
    context: typer.Context,
    result: int,
    input_topic: InputOption,
    output_topic: Annotated[str, typer.Option("--output", "-o", help="Topic of the predictions.")],
    version: VersionOption = None,
    replicas: Annotated[
        int, typer.Option(help="Processes that share the input's partitions; 0: only external workers serve it.")
    ] = 1,
    start: StartOption = None,
    max_replicas: Annotated[
        int | None, typer.Option(help="Let the waiting records choose between --replicas and this (needs KEDA).")
    ] = None,
    input_format: FormatOption = None,
    input_config: ConfigOption = None,
    include: Annotated[
        str | None,
        typer.Option(help="Columns and fields of a record to copy into its prediction: machine,_key,_timestamp."),
    ] = None,
    output_bootstrap_servers: Annotated[str | None, typer.Option(help="Another cluster for the output.")] = None,
    output_timestamps: Annotated[
        str | None, typer.Option(help="source: answers carry their record's time (the default); written: their own.")
    ] = None,
    limit: Annotated[
        float | None, typer.Option(help="Of a tier: predictions below it go up (needs --upper-topic).")
    ] = None,
    upper_topic: Annotated[str | None, typer.Option(help="Input of the next tier of a distributed model.")] = None,
    upper_bootstrap_servers: Annotated[str | None, typer.Option(help="Another cluster for the upper topic.")] = None,
    gpu: Annotated[int | None, typer.Option(help="GPUs of each replica.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Name of another cluster; the platform's own by default.")] = None,
    visualization: Annotated[str | None, typer.Option(help="JSON; how predictions are shown live.")] = None,
    json: JsonOption = False,
) -> None:
    """Serve a finished result."""
    client = client_of(context)
    fields = asked(
        locals(),
        "client",
        input_config=json_object(input_config, "--input-config"),
        include=None if include is None else _names(include),
        cluster=None if cluster is None else cluster_named(client, cluster).id,
        visualization=json_object(visualization, "--visualization"),
    )
    made = client.inferences.create(**fields)
    done = f"inference {made.id} starts: {made.input_topic} -> {made.output_topic}"
    then = f"kafka-ml tail {made.id}" if made.replicas else f"kafka-ml worker token {made.id}"
    print_done(made, done, json=json, then=then)


app.command("check")(check)
app.command("create-chain")(create_chain)


def _left(inference: Inference) -> str:
    changelog = inference.changelog_topic
    return changelog and f"nothing reads {changelog} any more, where it kept its windows: it may be deleted from Kafka"


add_delete_many(
    app,
    "Delete inferences that are stopped. Their topics stay in Kafka.",
    done="deleted; its topics stay",
    remark=_left,
)


@app.command()
def restart(context: typer.Context, inference: int) -> None:
    """Start it again where it stopped reading."""
    client_of(context).inferences.restart(inference)
    console().print(f"inference {inference} starts again")


@app.command()
def scale(
    context: typer.Context,
    inference: int,
    replicas: Annotated[int, typer.Argument(help="0: the platform runs none, only external workers serve it.")],
    most: Annotated[
        int | None, typer.Option("--max", min=0, help="Scale with the lag up to this many; 0: fixed number.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Change the number of replicas."""
    changed = client_of(context).inferences.scale(inference, replicas, max_replicas=most)
    most = changed.max_replicas
    how = f"goes to {replicas} replicas" if most is None else f"has {replicas} to {most} replicas, as records wait"
    print_done(changed, f"inference {inference} {how}", json=json)


WaitOption = Annotated[
    float, typer.Option("--wait", min=0, help="Wait this many seconds for the replicas to switch; 0: do not wait.")
]


@app.command()
def limit(
    context: typer.Context,
    inference: int,
    limit: Annotated[float, typer.Argument(help="Above 1/classes, at most 1; a confidence that is equal stays.")],
    wait: WaitOption = 60.0,
    json: JsonOption = False,
) -> None:
    """Let a tier decide by another limit what it hands up, without a restart."""
    client = client_of(context)
    changed = client.inferences.set_limit(inference, limit)
    if wait and not changed.state.ended:
        changed = client.inferences.wait_swapped(inference, timeout_seconds=wait)
    done = f"inference {inference} hands up what is less sure than {limit:g}, to {changed.upper_topic}"
    return print_done(changed, done, json=json)


@app.command()
def include(
    context: typer.Context,
    inference: int,
    names: Annotated[str, typer.Argument(help="Columns and fields of a record: machine,_key,_offset; '': nothing.")],
    wait: WaitOption = 60.0,
    json: JsonOption = False,
) -> None:
    """Let answers carry other columns and fields of their records, without a restart."""
    client = client_of(context)
    changed = client.inferences.set_include(inference, _names(names))
    if wait and not changed.state.ended:
        changed = client.inferences.wait_swapped(inference, timeout_seconds=wait)
    done = f"answers of inference {inference} carry {', '.join(changed.include) or 'their values alone'}"
    return print_done(changed, done, json=json)


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


@app.command()
def swap(
    context: typer.Context, inference: int, version: int, wait: WaitOption = 300.0, json: JsonOption = False
) -> None:
    """Serve another version, without losing or repeating a record."""
    changed = client_of(context).inferences.swap(inference, version)
    _gone_over(context, changed, wait=wait, json=json)


@app.command()
def rollback(context: typer.Context, inference: int, wait: WaitOption = 300.0, json: JsonOption = False) -> None:
    """Serve the version before the last change again."""
    changed = client_of(context).inferences.rollback(inference)
    _gone_over(context, changed, wait=wait, json=json)


@app.command()
def follow(context: typer.Context, inference: int, wait: WaitOption = 300.0, json: JsonOption = False) -> None:
    """Serve the result's current version, whenever another one becomes it."""
    changed = client_of(context).inferences.follow(inference)
    _gone_over(context, changed, wait=wait, json=json)


def _gone_over(context: typer.Context, changed: Inference, *, wait: float, json: bool) -> None:
    if wait and not changed.state.ended:
        changed = client_of(context).inferences.wait_swapped(changed.id, timeout_seconds=wait)
    how = ", and follows the current one" if changed.follows else ""
    print_done(changed, f"inference {changed.id} serves version {changed.version}{how}", json=json)


LabelledOption = Annotated[bool, typer.Option("--labelled", help="Keys are the right answers: tell the accuracy.")]
RuleOption = Annotated[
    str | None,
    typer.Option(
        help="Decide automatically: agreement:0.95:10000 or accuracy:0.01:10000 (minimum, number of records)."
    ),
]


@app.command()
def canary(
    context: typer.Context,
    inference: int,
    version: int,
    share: Annotated[float, typer.Option(min=0.001, max=1, help="Of the keys, by their hash.")] = 0.1,
    labelled: LabelledOption = False,
    keyed: Annotated[bool, typer.Option("--keyed", help="Refuse an input without keys.")] = False,
    rule: RuleOption = None,
    json: JsonOption = False,
) -> None:
    """Let another version answer a share of the keys, and compare the two."""
    changed = client_of(context).inferences.canary(
        inference, version, share=share, labelled=labelled, keyed=keyed, rule=_rule(rule)
    )
    done = f"version {version} answers {share:.1%} of the keys of inference {inference}"
    print_done(changed, done, json=json, then=_COMPARE.format(inference))


@app.command()
def shadow(
    context: typer.Context,
    inference: int,
    version: int,
    output_topic: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Topic of its own; the output's with .shadow-1, -2, ... by default."),
    ] = None,
    start: StartOption = None,
    labelled: LabelledOption = False,
    rule: RuleOption = None,
    json: JsonOption = False,
) -> None:
    """Let another version answer the same input into a topic of its own, and compare the two."""
    made = client_of(context).inferences.shadow(
        inference, version, output_topic=output_topic, start=start, labelled=labelled, rule=_rule(rule)
    )
    done = f"inference {made.id} shadows inference {inference} with version {version}: {made.output_topic}"
    print_done(made, done, json=json, then=_COMPARE.format(made.id))


@app.command()
def compare(context: typer.Context, inference: int, json: JsonOption = False) -> None:
    """Show champion and challenger side by side."""
    found = client_of(context).inferences.get(inference)
    comparison = found.comparison
    if json:
        return print_json(comparison)
    last = found.last_challenge
    if last is not None:
        what = f"version {last.version}, the {last.kind} beside version {last.champion},"
        why = f": {last.why}" if last.why else ""
        console().print(f"{what} was {'promoted' if last.promoted else 'dropped'} by {last.by}{why}")
    if comparison is None:
        return console().print(f"inference {inference} has no challenger; start one: kafka-ml inferences canary")
    same = "" if comparison.agreement is None else f", the same answer to {comparison.agreement:.2%}"
    console().print(f"{comparison.compared:,} of {comparison.records:,} records answered by both{same}")
    return print_table(
        [comparison.champion, comparison.challenger],
        [
            ("version", lambda row: row.version),
            ("accuracy", lambda row: "" if row.accuracy is None else f"{row.accuracy:.2%} of {row.labelled:,}"),
            ("failed", lambda row: row.failed),
            ("p50", lambda row: "" if row.p50_ms is None else f"{row.p50_ms:.1f} ms"),
            ("p99", lambda row: "" if row.p99_ms is None else f"{row.p99_ms:.1f} ms"),
        ],
        nothing="",
    )


@app.command()
def promote(context: typer.Context, inference: int, json: JsonOption = False) -> None:
    """Serve the challenger from now on; of a shadow, the inference that it shadows does."""
    changed = client_of(context).inferences.promote(inference)
    print_done(changed, f"the challenger of inference {inference} is promoted", json=json)


@app.command()
def drop(context: typer.Context, inference: int, json: JsonOption = False) -> None:
    """Let the challenger answer no more; a shadow ends."""
    changed = client_of(context).inferences.drop(inference)
    print_done(changed, f"the challenger of inference {inference} is dropped", json=json)


def _rule(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    metric, _, rest = text.partition(":")
    at_least, _, records = rest.partition(":")
    try:
        return {"metric": metric, "at_least": float(at_least), "records": int(records)}
    except ValueError as error:
        raise typer.BadParameter(f"--rule {text!r}: expected METRIC:AT_LEAST:RECORDS") from error


@app.command()
def swaps(
    context: typer.Context,
    inference: int,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=500, help="Show at most this many.")] = 20,
    json: JsonOption = False,
) -> None:
    """Show when replicas went over to other versions, the newest first."""
    rows = client_of(context).inferences.swaps(inference, limit=count)
    if json:
        return print_json(rows)
    return print_table(
        rows,
        [
            ("at", lambda row: row.at),
            ("replica", lambda row: row.replica),
            ("version", _change),
            ("nothing read for", lambda row: "" if row.failure else f"{row.gap_seconds * 1000:.0f} ms"),
            ("loaded in", lambda row: f"{row.loading_seconds:.1f} s" if row.loading_seconds else "was warm"),
            (
                "first offsets, or why not",
                lambda row: (
                    row.failure.cause
                    if row.failure
                    else ", ".join(
                        f"{part}@{offset}" for parts in row.positions.values() for part, offset in parts.items()
                    )
                ),
            ),
        ],
        nothing="no replica has gone over to another version yet",
    )


def _change(swap: SwapReport) -> str:
    """Say '1 -> 2', '1, 2 beside it' where the canary 2 begins, '1 alone' where it ends; of a tier its limit too."""
    is_same = swap.from_version == swap.version
    said = [str(swap.version) if is_same else f"{swap.from_version or '?'} -> {swap.version}"]
    if swap.challenger is not None:
        said.append(f"{swap.challenger} beside it")
    if swap.limit is not None:
        said.append(f"limit {swap.limit:g}")
    return ", ".join(said) if len(said) > 1 or not is_same else f"{swap.version} alone"


@app.command()
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


@app.command("try")
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


@app.command()
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
    """A cell of the table: long answers by their beginning."""
    if isinstance(value, list):
        return ", ".join(map(_short, value[:_MAX_CELL_VALUES])) + (", ..." if len(value) > _MAX_CELL_VALUES else "")
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


@app.command()
def history(
    context: typer.Context,
    inference: int,
    step: Annotated[int, typer.Option(min=1, max=60, help="Minutes that are summed up to one line.")] = 10,
    json: JsonOption = False,
) -> None:
    """Show how it served in the last 24 hours."""
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
        nothing=f"no replica of inference {inference} told anything in the last 24 hours",
    )


@app.command("dead-letters")
def dead_letters(
    context: typer.Context,
    inference: int,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, max=100, help="Show this many, newest first, one by one.")
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Send all of them back to the input topic.")] = False,
    json: JsonOption = False,
) -> None:
    """Show records that could not be answered by their reasons, or one by one, or send them back."""
    client = client_of(context)
    if replay:
        done = client.inferences.replay_dead_letters(inference)
        if json:
            return print_json(done)
        left_out = done["cut"] + done["superseded"]
        more = "; there are more: do it again" if done["more"] else ""
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


add_run_commands(app)


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
    """The likeliest class first where there are classes; else the numbers."""
    import orjson

    from kafkaml.terminal import styled

    numbers = isinstance(values, list) and all(isinstance(each, (int, float)) for each in values)
    if not numbers or len(values) < 2 or not labels or len(labels) != len(values):
        return orjson.dumps(values).decode()
    best = max(range(len(values)), key=values.__getitem__)
    each = "  ".join(f"{label} {value:.4g}" for label, value in zip(labels, values, strict=True))
    return styled("[bold cyan]{best}[/]  [dim]{each}[/]", best=labels[best], each=each)
