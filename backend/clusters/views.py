"""Other clusters: for administrators to enter and check, for everybody to choose from."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
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
    """Kubernetes clusters in which inferences can run, besides the platform's own."""

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

    @extend_schema(
        request=ClusterWriteSerializer,
        responses={
            200: ClusterSerializer,
            409: OpenApiResponse(
                description="Inferences run in the cluster, so its address and namespace stay. ``users`` names them."
            ),
        },
    )
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change a cluster, or replace its token.

        Fields that are left out stay as they are.
        """
        cluster = self.find(pk)
        values = self.validated(ClusterWriteSerializer, instance=cluster, partial=True)
        services.update_cluster(cluster, actor=self.actor, **values)
        return self.shown(pk)

    @extend_schema(
        responses={204: None, 409: OpenApiResponse(description="The cluster has inferences. ``users`` names them.")}
    )
    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a cluster and its token."""
        services.delete_cluster(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None, responses=ClusterCheckSerializer)
    @action(detail=True, methods=["post"])
    def check(self, _request: Request, pk: int) -> Response:
        """Check whether inferences can run in a cluster.

        The platform connects to the cluster and tries what inferences need. This takes some seconds.
        """
        return Response(check_cluster(self.find(pk)))

    @extend_schema(responses=ClusterNameSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], read_role=Role.VIEWER, pagination_class=None)
    def names(self, _request: Request) -> Response:
        """List the clusters that an inference can be put into.

        The list has names alone, and all users see it.
        """
        return Response(ClusterNameSerializer(Cluster.objects.order_by("name"), many=True).data)
