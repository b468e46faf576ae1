"""``make demo``: two short acts on one platform, each in both frameworks.

A sink sends real handwritten digits. Then readings of machines become a data set, with their topic left as it is.
"""

from __future__ import annotations

from examples.digits.__main__ import digits
from examples.machines.__main__ import machines
from examples.running import run_alone

if __name__ == "__main__":
    run_alone(digits, machines)
