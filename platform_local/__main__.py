"""``python -m platform_local OPTIONS``: a platform in the background, as ``kafka-ml up --detach`` starts it.

OPTIONS are ``UpOptions`` as JSON. Progress goes to the standard output, which is the supervisor's log.
"""

from __future__ import annotations

import sys

from rich.console import Console

from kafkaml.errors import KafkaMLError
from platform_local.display import StartDisplay
from platform_local.platform import UpOptions, choose_state_dir, run_platform


def main() -> None:
    """Run the platform until it is asked to stop."""
    options = UpOptions.from_json(sys.argv[1])
    try:
        with StartDisplay(Console()) as display:
            ended = run_platform(options, choose_state_dir(options), on_change=display.on_change)
    except KafkaMLError as error:
        sys.exit(f"error: {error.message}\n  {error.hint}")
    if ended.problem:
        sys.exit(f"error: the platform ended: {ended.problem}")


if __name__ == "__main__":
    main()
