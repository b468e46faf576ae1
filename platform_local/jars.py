"""The embedded broker's jars, which ``jars.sha256`` lists. Used by ``platform_local.broker``."""

from __future__ import annotations

from pathlib import Path

from platform_local.maven import MavenFiles

__all__ = ["BROKER_JARS", "KAFKA_VERSION"]

KAFKA_VERSION = "4.3.1"

BROKER_JARS = MavenFiles(
    what="the embedded broker's jars",
    folder_name=f"kafka-{KAFKA_VERSION}",
    pom=Path(__file__).with_name("pom.xml"),
    sha256=Path(__file__).with_name("jars.sha256"),
    hint="install Maven (Debian: apt-get install maven), or use a broker of yours: --bootstrap-servers",
)
