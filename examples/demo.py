"""``make demo``: two short acts on one platform, each in both frameworks.

Real handwritten digits, sent by a sink; then readings of machines, whose topic is a data set as it is.
"""

from __future__ import annotations

from examples.digits.__main__ import digits
from examples.machines.__main__ import machines
from examples.running import run_alone

if __name__ == "__main__":
    run_alone(digits, machines)
