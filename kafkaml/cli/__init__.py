"""The module name by which other programs run the command line: ``python -m kafkaml.cli.main``."""
