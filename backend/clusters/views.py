"""Other clusters: for administrators to enter and check, for everybody to choose from."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import Role
from backend.api.views import ResourceViewSet
from backend.clusters import selectors, services
from backend.clusters.check import check_cluster
from backend.clusters.models import Cluster
from backend.clusters.serializers import (
    ClusterCheckSerializer,
    ClusterNameSerializer,
    ClusterSerializer,
    ClusterWriteSerializer,
)

__all__ = ["ClusterViewSet"]


class ClusterViewSet(ResourceViewSet[Cluster]):
    """Other Kubernetes clusters that inferences may run in."""

    read_role = write_role = Role.ADMIN
    serializer_class = ClusterSerializer
    filterset_fields = ["name"]
    ordering_fields = ("id", "name", "created_at", "updated_at")
    search_fields = ("name", "host")

    def get_queryset(self) -> QuerySet[Cluster]:
        return selectors.clusters()

    @extend_schema(request=ClusterWriteSerializer, responses={201: ClusterSerializer})
    def create(self, _request: Request) -> Response:
        """Add a cluster."""
        cluster = services.create_cluster(actor=self.actor, **self.validated(ClusterWriteSerializer))
        return self.shown(cluster.pk, status=201)

    @extend_schema(request=ClusterWriteSerializer, responses=ClusterSerializer)
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change some fields, or the token; another place is refused with 409 while inferences run there."""
        cluster = self.find(pk)
        values = self.validated(ClusterWriteSerializer, instance=cluster, partial=True)
        services.update_cluster(cluster, actor=self.actor, **values)
        return self.shown(pk)

    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a cluster and its token; 409 lists its inferences."""
        services.delete_cluster(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None, responses=ClusterCheckSerializer)
    @action(detail=True, methods=["post"])
    def check(self, _request: Request, pk: int) -> Response:
        """Connect and say what works there and what does not, within some seconds."""
        return Response(check_cluster(self.find(pk)))

    @extend_schema(responses=ClusterNameSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], read_role=Role.VIEWER, pagination_class=None)
    def names(self, _request: Request) -> Response:
        """List what an inference can be put into, by name."""
        return Response(ClusterNameSerializer(Cluster.objects.order_by("name"), many=True).data)
