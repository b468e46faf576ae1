"""The connections that NetworkPolicies allow, as a cluster would enforce them (networking.k8s.io/v1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Network", "Outside", "Pod", "matches_labels"]

Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod as policies see it; ``ports`` are its named ports."""

    namespace: str
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str]
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A peer that is not a pod: a browser, the cluster's API, a machine of the internet."""

    address: str


class Network:
    """``allows`` says whether all policies together permit a connection."""

    def __init__(self, policies: Sequence[Object]) -> None:
        self._policies = policies

    def allows(self, source: Pod | Outside, target: Pod | Outside, port: int, protocol: str = "TCP") -> bool:
        """Both ends must agree; replies to an allowed connection need no rule."""
        return self._side("Egress", source, target, target, port, protocol) and self._side(
            "Ingress", target, source, target, port, protocol
        )

    def _side(
        self,
        direction: str,
        subject: Pod | Outside,
        other: Pod | Outside,
        target: Pod | Outside,
        port: int,
        protocol: str,
    ) -> bool:
        if isinstance(subject, Outside):
            return True
        selecting = [policy for policy in self._policies if _selects(policy, subject, direction)]
        if not selecting:
            return True
        rules, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        return any(
            _matches_peer(rule.get(peers), policy, other) and _matches_port(rule.get("ports"), target, port, protocol)
            for policy in selecting
            for rule in policy["spec"].get(rules) or ()
        )


def _selects(policy: Object, pod: Pod, direction: str) -> bool:
    spec = policy["spec"]
    directions = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return (
        policy["metadata"]["namespace"] == pod.namespace
        and direction in directions
        and matches_labels(spec["podSelector"], pod.labels)
    )


def _matches_peer(peers: Sequence[Object] | None, policy: Object, other: Pod | Outside) -> bool:
    # A missing list and an empty one both mean everybody.
    return not peers or any(_is_peer(peer, policy, other) for peer in peers)


def _is_peer(peer: Object, policy: Object, other: Pod | Outside) -> bool:
    if "ipBlock" in peer:
        # The API leaves open what addresses of pods match, so policies that mean pods select them by label.
        return isinstance(other, Outside) and _in_block(peer["ipBlock"], other.address)
    if isinstance(other, Outside):
        return False
    if "namespaceSelector" in peer:
        if not matches_labels(peer["namespaceSelector"], other.namespace_labels):
            return False
    elif other.namespace != policy["metadata"]["namespace"]:
        return False
    return matches_labels(peer.get("podSelector") or {}, other.labels)


def _in_block(block: Object, address: str) -> bool:
    def inside(cidr: str) -> bool:
        return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)

    return inside(block["cidr"]) and not any(inside(cidr) for cidr in block.get("except") or ())


def _matches_port(ports: Sequence[Object] | None, target: Pod | Outside, port: int, protocol: str) -> bool:
    return not ports or any(_is_port(named, target, port, protocol) for named in ports)


def _is_port(rule: Object, target: Pod | Outside, port: int, protocol: str) -> bool:
    if rule.get("protocol", "TCP") != protocol:
        return False
    wanted = rule.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return isinstance(target, Pod) and target.ports.get(wanted) == port
    return int(wanted) <= port <= int(rule.get("endPort", wanted))


def matches_labels(selector: Object, labels: Mapping[str, str]) -> bool:
    for name, value in (selector.get("matchLabels") or {}).items():
        if labels.get(name) != value:
            return False
    return all(_matches_expression(expression, labels) for expression in selector.get("matchExpressions") or ())


def _matches_expression(expression: Object, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise ValueError(f"{expression['operator']!r} is not an operator of label selectors")
