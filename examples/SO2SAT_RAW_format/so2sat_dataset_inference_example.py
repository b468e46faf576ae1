"""Sends images of So2Sat that were not sent for training to an inference, and shows what it answers:

python examples/SO2SAT_RAW_format/so2sat_dataset_inference_example.py --inference 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.scripts import ask
from examples.SO2SAT_RAW_format.so2sat_data import CLASSES, load

if __name__ == "__main__":
    sys.exit(ask(__doc__, load, names=CLASSES))
