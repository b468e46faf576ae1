"""The list of rights is the same everywhere: what the launcher needs, what our role grants, what the guide says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from backend.launchers.kubernetes.manifests import kinds
from backend.launchers.kubernetes.rights import Right, rights

ROOT = Path(__file__).resolve().parents[3]


def granted(documents: Iterable[Mapping[str, Any]]) -> set[Right]:
    """Return all rights that the roles among ``documents`` grant."""
    return {
        Right(group, resource, verb)
        for document in documents
        if document["kind"] == "Role"
        for rule in document["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_all_kinds_of_the_launcher_have_rights() -> None:
    assert {right.resource for right in rights(keda=True)} == {kind.plural for kind in kinds()} | {"pods/log"}


def test_scaling_needs_rights_of_its_own() -> None:
    assert {right.resource for right in set(rights(keda=True)) - set(rights(keda=False))} == {"scaledobjects"}


def test_no_secret_can_be_read() -> None:
    assert {right.verb for right in rights(keda=True) if right.resource == "secrets"} == {"create", "patch"}


def test_the_platforms_role_gives_what_is_needed() -> None:
    role = yaml.safe_load_all((ROOT / "k8s/base/jobs/controller-role.yaml").read_text(encoding="utf-8"))
    assert set(rights(keda=True)) - granted(role) == set()


def test_the_guide_gives_what_is_needed_and_no_more() -> None:
    page = (ROOT / "docs/clusters.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert granted(yaml.safe_load_all(text)) == set(rights(keda=True))
