"""What every service of Kafka-ML must agree on: wire formats, job specifications, results, settings.

Imported by all rooms; imports none of them, and neither Django nor TensorFlow nor PyTorch.
"""

__version__ = "0.1.0"
