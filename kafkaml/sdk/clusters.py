"""``client.clusters``: other Kubernetes clusters."""

from __future__ import annotations

from collections.abc import Sequence

from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection

__all__ = ["Clusters"]


class Clusters(Collection[types.Cluster]):
    """Other Kubernetes clusters that inferences may run in (admins only, except for their names)."""

    path = "/clusters/"
    kind = types.Cluster

    def names(self) -> Sequence[types.ClusterName]:
        """Return the clusters to choose from; for all roles."""
        answer = self._connection.request("GET", f"{self.path}names/")
        return [types.ClusterName.model_validate(cluster) for cluster in answer]

    def create(
        self,
        *,
        name: str,
        host: str,
        token: str,
        namespace: str,
        ca: str = "",
        kafka_bootstrap_servers: str = "",
        backend_url: str = "",
        image: str = "",
        gpu_resource: str = "",
        keda: bool = False,
    ) -> types.Cluster:
        """Register a cluster; the token of its service account is stored and never returned."""
        return self._create(locals())

    def update(self, identifier: int, **changes: object) -> types.Cluster:
        """Change fields, or the token; with another ``host`` or ``ca`` the token must be given again."""
        return self._patch(identifier, changes)

    def check(self, identifier: int) -> types.ClusterCheck:
        """Connect, and return what works there and what does not."""
        return types.ClusterCheck.model_validate(self._act(identifier, "check"))
