"""Sends images of CIFAR-10 that were not sent for training to an inference, and shows what it answers:

python examples/VGG16_CIFAR10_RAW_format/vgg16_inference_example.py --inference 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.scripts import ask
from examples.VGG16_CIFAR10_RAW_format.cifar10_data import CLASSES, load

if __name__ == "__main__":
    sys.exit(ask(__doc__, load, names=CLASSES))
