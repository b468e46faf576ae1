"""Creates a topic, with as many partitions as its readers may be:

python examples/seminar/create_topic.py iot --partitions 3
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.seminar.kafka import arguments, create_topic


def main() -> None:
    """Create the topic that the arguments name."""
    parser = arguments(__doc__)
    parser.add_argument("topic")
    parser.add_argument("--partitions", type=int, default=3, help="(default 3)")
    options = parser.parse_args()
    new = create_topic(options.bootstrap_servers, options.topic, options.partitions)
    print(
        f"{options.topic}: created with {options.partitions} partitions"
        if new
        else f"{options.topic}: is there already"
    )


if __name__ == "__main__":
    main()
