"""Shared parts of the programs of the seminar's second part: the address of Kafka, and the creation of topics."""

from __future__ import annotations

import argparse

from confluent_kafka import KafkaError, KafkaException

from examples import topics

__all__ = ["QUIET", "READER", "arguments", "create_topic"]

# The client reports only errors that last.
QUIET = {"log_level": 3}
READER = {
    **QUIET,
    # A group without committed offsets begins at the oldest records.
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    # The session timeout: a consumer that is silent for this long counts as dead, and its partitions go to others.
    "session.timeout.ms": 6000,
}


def arguments(about: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows ``--bootstrap-servers``."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    topics.add_bootstrap_servers(parser)
    return parser


def create_topic(bootstrap_servers: str, name: str, partitions: int) -> bool:
    """Create a topic; returns whether it is new."""
    try:
        topics.create_topic(bootstrap_servers, name, partitions=partitions)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True
