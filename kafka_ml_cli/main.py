"""``kafka-ml``: puts the commands together and turns errors into a message, a hint and an exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kafka_ml_cli import (
    accounts,
    clusters,
    configurations,
    data,
    datasets,
    deployments,
    examples,
    inferences,
    models,
    platform,
    results,
    streams,
    topics,
    webhooks,
    worker,
)
from kafka_ml_cli.exits import ExitCode, exit_code_of
from kafka_ml_cli.session import Session
from kafkaml.errors import KafkaMLError

__all__ = ["app", "main"]

_EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 refused (usage or input), 3 not reachable, 4 not found, 5 not allowed, "
    "6 not in time, 130 interrupted."
)

app = typer.Typer(
    name="kafka-ml",
    help="Train, serve and watch models on Apache Kafka streams.",
    epilog=_EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    pretty_exceptions_enable=False,
    # Drawing help with rich costs three times what all the rest of `--help` does.
    rich_markup_mode=None,
)
for register in (platform.register, data.register):
    register(app)
_NOUNS = (
    models,
    configurations,
    deployments,
    results,
    inferences,
    streams,
    topics,
    datasets,
    clusters,
    worker,
    webhooks,
    examples,
)
for noun in _NOUNS:
    app.add_typer(noun.app, rich_help_panel="Things on the platform")
app.add_typer(accounts.users, rich_help_panel="Things on the platform")
app.add_typer(accounts.tokens, rich_help_panel="Things on the platform")


@app.callback()
def _options(
    context: typer.Context,
    url: Annotated[
        str, typer.Option(envvar="KML_URL", help="Address of the platform; this machine's by default.")
    ] = "",
    state_dir: Annotated[
        Path | None, typer.Option(envvar="KML_STATE_DIR", help="State folder of the platform on this machine.")
    ] = None,
) -> None:
    context.obj = Session(url=url, state_dir=state_dir)


def main() -> None:
    """Run the command line; the entry point of ``kafka-ml``."""
    try:
        app()
    except KafkaMLError as error:
        from kafkaml.terminal import visible

        sys.stderr.write(f"{_red('error:')} {visible(error.message)}\n")
        if error.hint:
            sys.stderr.write(f"  {visible(error.hint)}\n")
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The program that reads our output (head, less) has closed it. Python would complain once more at its end.
        sys.stderr.close()
        sys.exit(ExitCode.OK)


def _red(text: str) -> str:
    return f"\033[31m{text}\033[0m" if sys.stderr.isatty() else text


if __name__ == "__main__":
    main()
