"""Sends generated flights around Malaga to a topic, one JSON record an aircraft every few seconds, until it is stopped:

python examples/flights_malaga/flights_to_kafka.py --topic ertisdemo
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.flights_malaga.data import Report, reports
from examples.topics import add_bootstrap_servers, write

_PAST_SECONDS = 15.0


def live(every_seconds: float, *, rounds: int | None, seed: int) -> Iterator[list[Report]]:
    """Yield the reports of each moment when its time has come; ``rounds`` None goes on for a day."""
    steps = int(86_400 / every_seconds) if rounds is None else rounds
    for number, moment in zip(count(), reports(steps, every_seconds=every_seconds, seed=seed, destinations=False)):
        if number:
            time.sleep(every_seconds)
        # Reports are dated now.
        now = int(time.time() * 1000)
        yield [Report(report.key, report.value, now, report.lands) for report in moment]


def main() -> None:
    """Send the reports that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bootstrap_servers(parser)
    parser.add_argument("--topic", default="ertisdemo", help="(default ertisdemo)")
    parser.add_argument("--interval", type=float, default=3.0, help="seconds between two rounds (default 3)")
    parser.add_argument("--rounds", type=int, help="number of rounds (default: for a day)")
    parser.add_argument(
        "--history",
        type=float,
        default=0,
        metavar="MINUTES",
        help="first those of so long ago, with their destinations",
    )
    parser.add_argument("--seed", type=int, default=3, help="other flights (default 3)")
    options = parser.parse_args()
    past = reports(int(options.history * 60 / _PAST_SECONDS), every_seconds=_PAST_SECONDS, seed=options.seed + 1)
    sent = write(options.bootstrap_servers, options.topic, (report for moment in past for report in moment))
    try:
        for moment in live(options.interval, rounds=options.rounds, seed=options.seed):
            sent += write(options.bootstrap_servers, options.topic, moment)
            print(f"{sent:,} records sent to {options.topic}", end="\r", flush=True)
    except KeyboardInterrupt:
        pass
    print(f"{sent:,} records sent to {options.topic}")


if __name__ == "__main__":
    main()
