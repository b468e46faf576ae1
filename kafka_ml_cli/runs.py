"""What ``results`` and ``inferences`` have in common: stop, wait, logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from kafka_ml_cli.nouns import Identifier, collection, noun_of, say
from kafka_ml_cli.output import JsonOption, console, print_json
from kafka_ml_cli.progress import progress_text

if TYPE_CHECKING:
    from kafkaml.sdk.inferences import Inferences
    from kafkaml.sdk.results import Results
    from kafkaml.sdk.types import Inference

__all__ = ["add_run_commands", "follow_log"]

_FOLLOW_SECONDS = 0.4


def add_run_commands(app: typer.Typer) -> None:
    """Add the commands to ``app``, whose name is that of the collection in the client."""
    for command in (stop, wait, logs):
        app.command()(command)


def stop(context: typer.Context, identifier: Identifier) -> None:
    """Ask it to stop."""
    collection(context).stop(identifier)
    say(context, identifier, "stops")


def wait(
    context: typer.Context,
    identifier: Identifier,
    state: Annotated[str, typer.Option(help="The state to wait for; finished or, of an inference, running.")] = "",
    timeout: Annotated[float, typer.Option(help="Seconds.")] = 600,
    json: JsonOption = False,
) -> None:
    """Wait for a state. Exit code 1 when it fails instead, 6 when it takes too long."""
    from kafkaml.sdk.types import RunState, TrainingResult

    wanted = RunState(state or ("finished" if noun_of(context) == "results" else "running"))
    with console(error=True).status(f"waiting for {wanted}") as spinner:

        def show_progress(run: TrainingResult | Inference) -> None:
            where = progress_text(run.progress if isinstance(run, TrainingResult) else None)
            spinner.update(", ".join(filter(None, (run.state, where))))

        found = collection(context).wait_for(identifier, wanted, timeout_seconds=timeout, on_change=show_progress)
    if json:
        return print_json(found)
    say(context, identifier, f"is {found.state}")
    if warnings := getattr(found, "warnings", ()):
        remarks = console(error=True)
        remarks.print(f"with {len(warnings)} warning{'s' * (len(warnings) > 1)}, the first is:", style="dim")
        remarks.print(warnings[0], markup=False)
    return None


def logs(
    context: typer.Context,
    identifier: Identifier,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    replica: Annotated[int, typer.Option(help="Number of the replica.")] = 0,
    tail: Annotated[int, typer.Option(help="Start with only the last BYTES; 0 shows all.")] = 0,
) -> None:
    """Print the log of a run, also after its end."""
    from kafkaml.terminal import visible

    for text in follow_log(collection(context), identifier, replica=replica, offset=-tail, follow=follow):
        console().out(visible(text.replace("\r\n", "\n")), end="", highlight=False)


def follow_log(
    collection: Results | Inferences, identifier: int, *, replica: int = 0, offset: int = 0, follow: bool = False
) -> Iterator[str]:
    """Iterate over the parts of a log; with ``follow`` until the run has ended and all of it was read."""
    while True:
        # The state is read before the log, so that once the run has ended everything that it wrote is read.
        ended = not follow or collection.get(identifier).state.ended
        while True:
            part = collection.logs(identifier, offset=offset, replica=replica)
            offset = part.next_offset
            if not part.text:
                break
            yield part.text
        if ended:
            return
        time.sleep(_FOLLOW_SECONDS)
