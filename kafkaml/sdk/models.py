"""``client.models``: sources of models."""

from __future__ import annotations

from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection

__all__ = ["Models"]


class Models(Collection[types.Model]):
    """Models and their code."""

    path = "/models/"
    kind = types.Model

    def create(
        self,
        *,
        name: str,
        framework: str,
        code: str,
        imports: str = "",
        description: str = "",
        distributed: bool = False,
        upper_model: int | None = None,
    ) -> types.Model:
        """Check a model and keep it; ApiError names the line when its code does not run.

        Sub-models of a distributed model (``distributed=True``) are made from the top: the cloud, which answers with
        its prediction, then those below it with ``upper_model``, which answer ``(to_upper, prediction)``.
        """
        return self._create(locals())

    def update(self, identifier: int, **changes: object) -> types.Model:
        """Change fields of a model; its code is checked again."""
        return self._patch(identifier, changes)

    def validate(self, *, framework: str, code: str, imports: str = "", distributed: bool = False) -> types.Validation:
        """Check a source without storing it."""
        body = {"framework": framework, "code": code, "imports": imports, "distributed": distributed}
        return types.Validation.model_validate(self._connection.request("POST", f"{self.path}validate/", body=body))
