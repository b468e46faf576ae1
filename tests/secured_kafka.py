"""SecuredKafka: a Kafka as in a company. Three nodes, TLS, users with passwords (SCRAM), and rights (ACLs)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Self

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from kafkaml.settings import KafkaSettings
from platform_local.ports import LOOPBACK, free_port
from tests.certificates import Certificate
from tests.conftest import TestBroker

__all__ = ["Rights", "SecuredKafka"]

# Operations by kind of resource and name. A name that ends with * stands for all names with that prefix.
Rights = Mapping[tuple[str, str], tuple[str, ...]]

# Clients connect through the listener ALSO. The nodes and the tests' own administration use the plain listener.
_SECURITY = """\
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,ALSO:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.also.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.also.ssl.keystore.type=PEM
listener.name.also.ssl.keystore.location={keystore}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
auto.create.topics.enable=false
"""


class _Node(TestBroker):
    """A node with a listener that authenticates clients. The first node is the controller as well."""

    __test__ = False

    def __init__(self, folder: Path, number: int, certificate: Certificate, first: _Node | None) -> None:
        super().__init__(folder / f"node-{number}")
        self._also_port = free_port()
        self._number = number
        self._first = first
        self._keystore = folder / f"node-{number}.pem"
        self._keystore.write_text(certificate.key_path.read_text() + certificate.pem)

    @property
    def address(self) -> str:
        """The address of this node for clients."""
        return f"{LOOPBACK}:{self._also_port}"

    def _settings_text(self, also: str) -> str:
        text = super()._settings_text(also) + _SECURITY.format(keystore=self._keystore)
        if self._first is None:
            return text
        # The last line of a setting counts, so these lines override earlier ones.
        listeners = f"PLAINTEXT://{self.bootstrap_servers}{also}"
        controller = f"{LOOPBACK}:{self._first._controller_port}"
        return text + (
            f"process.roles=broker\nnode.id={self._number}\nlisteners={listeners}\nadvertised.listeners={listeners}\n"
            f"controller.quorum.bootstrap.servers={controller}\n"
        )

    def _format_arguments(self) -> list[str]:
        if self._first is None:
            return super()._format_arguments()
        meta = (self._first.data_dir / "log" / "meta.properties").read_text()
        cluster = re.search(r"^cluster\.id=(.+)$", meta, re.MULTILINE)
        assert cluster is not None
        return ["-t", cluster.group(1)]


class SecuredKafka:
    """A context manager that runs ``nodes`` brokers, which show ``certificate`` to clients."""

    def __init__(self, folder: Path, certificate: Certificate, *, nodes: int = 3) -> None:
        self._certificate = certificate
        first = _Node(folder, 1, certificate, None)
        self.nodes = [first, *(_Node(folder, number, certificate, first) for number in range(2, nodes + 1))]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for node in self.nodes:
            self._stack.enter_context(node)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.nodes[0].bootstrap_servers})

    def add_user(self, name: str, password: str, rights: Rights) -> KafkaSettings:
        """Make a user with a password and rights; return the settings of a connection as this user."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(name, info, password.encode())
        for future in self._admin.alter_user_scram_credentials([change]).values():
            future.result(60)
        self.grant(name, rights)
        return KafkaSettings(
            bootstrap_servers=",".join(node.address for node in self.nodes),
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username=name,
            sasl_password=password,
            ssl_ca_location=str(self._certificate.path),
        )

    def grant(self, name: str, rights: Rights) -> None:
        """Give a user further rights."""
        bindings = [
            AclBinding(
                ResourceType[kind.upper()],
                resource.removesuffix("*"),
                ResourcePatternType.PREFIXED if resource.endswith("*") else ResourcePatternType.LITERAL,
                f"User:{name}",
                "*",
                AclOperation[operation.upper()],
                AclPermissionType.ALLOW,
            )
            for (kind, resource), operations in rights.items()
            for operation in operations
        ]
        for future in self._admin.create_acls(bindings).values():
            future.result(60)
