"""Runs ``kafka_ml_cli``, the command line, which lives on the top floor: the core imports nothing of it."""

import runpy

if __name__ == "__main__":
    runpy.run_module("kafka_ml_cli.main", run_name="__main__", alter_sys=True)
