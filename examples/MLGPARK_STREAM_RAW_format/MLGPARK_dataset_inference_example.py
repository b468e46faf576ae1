"""Sends moments of car parks to an inference, and shows what it answers:

python examples/MLGPARK_STREAM_RAW_format/MLGPARK_dataset_inference_example.py --inference 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.MLGPARK_STREAM_RAW_format.mlgpark_data import load
from examples.scripts import ask

if __name__ == "__main__":
    sys.exit(ask(__doc__, load))
