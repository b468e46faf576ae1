"""Sends two hours of a household to an inference, and shows what it answers:

python examples/TCN_NILM_RAW_format/nilm_dataset_inference_example.py --inference 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.scripts import ask
from examples.TCN_NILM_RAW_format.nilm_data import load

if __name__ == "__main__":
    sys.exit(ask(__doc__, load))
