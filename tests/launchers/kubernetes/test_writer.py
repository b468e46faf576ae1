"""Writing objects besides whole manifests: the owner of a dependent, and changes to an owner."""

from __future__ import annotations

from backend.launchers.kubernetes.writer import merge_patch, with_owner


def test_an_owner_is_what_dependents_go_with() -> None:
    dependent = {"kind": "Secret", "metadata": {"name": "kml-train-7-a1"}, "data": {"token": "dA=="}}
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "kml-train-7-a1", "uid": "6f1c", "resourceVersion": "12"},
    }
    owned = with_owner(dependent, owner)
    assert owned["metadata"]["ownerReferences"] == [
        {"apiVersion": "batch/v1", "kind": "Job", "name": "kml-train-7-a1", "uid": "6f1c"}
    ]
    assert owned["data"] == {"token": "dA=="}
    assert dependent["metadata"] == {"name": "kml-train-7-a1"}


def test_a_patch_adds_changes_and_takes_away() -> None:
    present = {"a": 1, "b": {"c": [1, 2], "d": 4}, "gone": {"x": 1}, "same": [1]}
    wanted = {"a": 1, "b": {"c": [2], "e": {"f": 5}}, "same": [1]}
    assert merge_patch(present, wanted) == {"gone": None, "b": {"d": None, "c": [2], "e": {"f": 5}}}
    assert merge_patch(wanted, wanted) == {}
