"""What every service of Kafka-ML must agree on: wire formats, job specifications, results, settings.

All rooms import this package. It imports none of them, and neither Django nor TensorFlow nor PyTorch.
"""

__version__ = "0.1.0"
