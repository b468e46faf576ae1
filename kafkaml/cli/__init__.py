"""The address under which programs of others run the command line: ``python -m kafkaml.cli.main``."""
