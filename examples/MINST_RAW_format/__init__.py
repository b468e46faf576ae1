"""The folder of MNIST as Kafka-ML once spelt it: the same programs."""
