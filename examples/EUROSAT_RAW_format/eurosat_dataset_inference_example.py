"""Sends images of EuroSAT that were not sent for training to an inference, and shows what it answers:

python examples/EUROSAT_RAW_format/eurosat_dataset_inference_example.py --inference 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.EUROSAT_RAW_format.eurosat_data import CLASSES, load
from examples.scripts import ask

if __name__ == "__main__":
    sys.exit(ask(__doc__, load, names=CLASSES))
