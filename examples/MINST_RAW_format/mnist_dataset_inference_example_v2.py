"""The program of this name in MNIST_RAW_format, where Kafka-ML's first README looks for it."""

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).parents[1] / "MNIST_RAW_format" / Path(__file__).name), run_name="__main__")
