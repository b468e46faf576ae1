"""The whole URL map on one page."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path, register_converter
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from backend.accounts import views as accounts
from backend.api.expectations import say_what_is_expected
from backend.api.fields import ArtifactNameConverter, IdConverter, TopicNameConverter
from backend.clusters.views import ClusterViewSet
from backend.configurations.views import ConfigurationViewSet
from backend.datasets.exports import export as dataset_export
from backend.datasets.exports import export_stream
from backend.datasets.views import DatasetViewSet, PreviewView, StreamStatisticsView
from backend.deployments.version_views import (
    VersionArchiveView,
    VersionArtifactView,
    VersionCardView,
    VersionListView,
    VersionPromoteView,
    VersionView,
)
from backend.deployments.views import DeploymentViewSet, ResultViewSet
from backend.events.views import event_stream
from backend.inferences.chain_views import ChainView
from backend.inferences.views import InferenceViewSet
from backend.inferences.worker_views import WorkerTokenListView, WorkerTokenView
from backend.jobs import views as jobs
from backend.ml_models.views import FrameworksView, MLModelViewSet
from backend.pipeline.views import PipelineView
from backend.streams.views import StreamViewSet
from backend.system import views as system
from backend.system.documentation import documentation
from backend.system.example_views import ExamplesView
from backend.system.metrics_view import metrics
from backend.topics import views as topics
from backend.visualisation.views import prediction_stream
from backend.webhooks.views import WebhookViewSet

say_what_is_expected()
register_converter(IdConverter, "id")
register_converter(ArtifactNameConverter, "artifact_name")
register_converter(TopicNameConverter, "topic")

router = SimpleRouter(use_regex_path=False)
router.register("models", MLModelViewSet, "model")
router.register("configurations", ConfigurationViewSet, "configuration")
router.register("deployments", DeploymentViewSet, "deployment")
router.register("results", ResultViewSet, "result")
router.register("inferences", InferenceViewSet, "inference")
router.register("clusters", ClusterViewSet, "cluster")
router.register("datasets", DatasetViewSet, "dataset")
router.register("streams", StreamViewSet, "stream")
router.register("webhooks", WebhookViewSet, "webhook")
router.register("users", accounts.UserViewSet, "user")
router.register("tokens", accounts.TokenViewSet, "token")
router.register("audit", accounts.AuditViewSet, "audit")

job_urls = [
    path("token/", jobs.JobTokenView.as_view(), name="job-token"),
    path("training/<id:pk>/", jobs.TrainingPlanView.as_view(), name="job-training"),
    path("training/<id:pk>/events/", jobs.TrainingEventsView.as_view(), name="job-training-events"),
    path("training/<id:pk>/checkpoint/", jobs.TrainingCheckpointView.as_view(), name="job-training-checkpoint"),
    path("training/<id:pk>/finish/", jobs.TrainingFinishView.as_view(), name="job-training-finish"),
    path("training/<id:pk>/fail/", jobs.TrainingFailView.as_view(), name="job-training-fail"),
    path("training/<id:pk>/versions/", jobs.TrainingVersionView.as_view(), name="job-training-versions"),
    path(
        "training/<id:pk>/artifacts/<artifact_name:name>/",
        jobs.TrainingArtifactView.as_view(),
        name="job-training-artifact",
    ),
    path("inference/<id:pk>/", jobs.InferencePlanView.as_view(), name="job-inference"),
    path(
        "inference/<id:pk>/artifacts/<artifact_name:name>/",
        jobs.InferenceArtifactView.as_view(),
        name="job-inference-artifact",
    ),
    path("workers/", jobs.WorkerView.as_view(), name="job-workers"),
    path("inference/<id:pk>/stats/", jobs.StatsView.as_view(), name="job-inference-stats"),
]

api_urls: list[URLPattern | URLResolver] = [
    path("session/", accounts.SessionView.as_view(), name="session"),
    path("login/", accounts.LoginView.as_view(), name="login"),
    path("session/password/", accounts.PasswordView.as_view(), name="session-password"),
    path("logout/", accounts.LogoutView.as_view(), name="logout"),
    path(
        "results/<id:pk>/confusion_matrix.png",
        ResultViewSet.as_view({"get": "confusion_matrix_image"}),
        name="result-confusion-matrix",
    ),
    path("results/<id:pk>/versions/", VersionListView.as_view(), name="result-versions"),
    path("results/<id:pk>/versions/<id:number>/", VersionView.as_view(), name="result-version"),
    path("results/<id:pk>/versions/<id:number>/card/", VersionCardView.as_view(), name="result-version-card"),
    path(
        "results/<id:pk>/versions/<id:number>/promote/",
        VersionPromoteView.as_view(),
        name="result-version-promote",
    ),
    path(
        "results/<id:pk>/versions/<id:number>/artifacts/<artifact_name:name>/",
        VersionArtifactView.as_view(),
        name="result-version-artifact",
    ),
    path(
        "results/<id:pk>/versions/<id:number>/archive/",
        VersionArchiveView.as_view(),
        name="result-version-archive",
    ),
    path("chains/", ChainView.as_view(), name="chains"),
    path("inferences/<id:pk>/worker_tokens/", WorkerTokenListView.as_view(), name="inference-worker-tokens"),
    path(
        "inferences/<id:pk>/worker_tokens/<id:number>/",
        WorkerTokenView.as_view(),
        name="inference-worker-token",
    ),
    path("inferences/<id:pk>/predictions/", prediction_stream, name="inference-predictions"),
    path("datasets/<id:pk>/export/", dataset_export, name="dataset-export"),
    path("streams/<id:pk>/statistics/", StreamStatisticsView.as_view(), name="stream-statistics"),
    path("streams/<id:pk>/export/", export_stream, name="stream-export"),
    path("datasets/preview/", PreviewView.as_view(), name="dataset-preview-asked"),
    path("", include(router.urls)),
    path("frameworks/", FrameworksView.as_view(), name="frameworks"),
    path("topics/", topics.TopicListView.as_view(), name="topics"),
    path("topics/<topic:name>/", topics.TopicView.as_view(), name="topic"),
    path("topics/<topic:name>/records/", topics.RecordsView.as_view(), name="topic-records"),
    path("topics/<topic:name>/records/rows/", topics.RecordRowsView.as_view(), name="topic-record-rows"),
    path("topics/<topic:name>/groups/", topics.TopicGroupsView.as_view(), name="topic-groups"),
    path("topics/<topic:name>/settings/", topics.TopicSettingsView.as_view(), name="topic-settings"),
    path("topics/<topic:name>/proposal/", topics.ProposalView.as_view(), name="topic-proposal"),
    path("topics/<topic:name>/tail/", topics.tail, name="topic-tail"),
    path("announcements/", jobs.AnnouncementView.as_view(), name="announcement"),
    path("jobs/", include(job_urls)),
    path("events/", event_stream, name="events"),
    path("pipeline/", PipelineView.as_view(), name="pipeline"),
    path("heartbeats/", system.HeartbeatView.as_view(), name="heartbeats"),
    path("examples/", ExamplesView.as_view(), name="examples"),
    path("system/", system.SystemView.as_view(), name="system"),
    path("health/live/", system.LiveView.as_view(), name="health-live"),
    path("health/ready/", system.ReadyView.as_view(), name="health-ready"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/<str:secret>", accounts.login_by_link, name="login-link"),
    path("metrics", metrics, name="metrics"),
    path("api/", include(api_urls)),
    re_path(r"^docs(?:/(?P<path>.*))?$", documentation, name="documentation"),
    re_path(r"^(?!api/|login/|static/)", system.index, name="index"),
]

handler400 = "backend.api.errors.bad_request"
handler403 = "backend.api.errors.permission_denied"
handler404 = "backend.api.errors.not_found"
handler500 = "backend.api.errors.server_error"
