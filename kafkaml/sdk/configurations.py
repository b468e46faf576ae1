"""``client.configurations``: groups of models that train together."""

from __future__ import annotations

from collections.abc import Sequence

from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection

__all__ = ["Configurations"]


class Configurations(Collection[types.Configuration]):
    """Groups of models that train together."""

    path = "/configurations/"
    kind = types.Configuration

    def create(self, *, name: str, models: Sequence[int], description: str = "") -> types.Configuration:
        """Create a configuration. Any sub-model stands for its whole distributed model; ``note`` names those added."""
        return self._create({"name": name, "models": list(models), "description": description})

    def of_model(self, model: int) -> types.Configuration:
        """Return the configuration of only this model, or of only its chain; it is created if there is none."""
        made = self._connection.request("POST", f"{self.path}of_model/", body={"model": model})
        return types.Configuration.model_validate(made)

    def update(self, identifier: int, **changes: object) -> types.Configuration:
        """Change fields of a configuration."""
        return self._patch(identifier, changes)
