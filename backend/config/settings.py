"""Django's settings, all derived from ``environment.py``. DEBUG is never on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url

from backend.config.environment import environment
from backend.config.lean import import_rest_framework
from kafkaml.wire.choices import Split
from kafkaml.wire.contract import FieldKind, KeyKind, LabelKind, SplitBy
from kafkaml.wire.failure import FailureCategory
from kafkaml.wire.inference import ChallengeKind
from kafkaml.wire.preview import SamplePart
from kafkaml.wire.proposal import FieldRole, RemarkCode
from kafkaml.wire.replica import ReplicaState

# Nothing may import REST framework earlier, because this import leaves its optional dependencies out.
import_rest_framework()
_env = environment()
_state = _env.state_dir.expanduser().resolve()

DEBUG = False
SECRET_KEY = _env.secret_key()
ALLOWED_HOSTS = [host.strip() for host in _env.allowed_hosts.split(",") if host.strip()]
for _url in (_env.backend_url, _env.url_for_workers):
    if urlsplit(_url).hostname not in (None, *ALLOWED_HOSTS):
        ALLOWED_HOSTS.append(str(urlsplit(_url).hostname))

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "backend.accounts",
    "backend.ml_models",
    "backend.configurations",
    "backend.datasets",
    "backend.deployments",
    "backend.clusters",
    "backend.inferences",
    "backend.streams",
    "backend.events",
    "backend.pipeline",
    "backend.system",
    "backend.topics",
    "backend.webhooks",
    "backend.controller",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "backend.api.middleware.RequestMiddleware",
    "backend.api.middleware.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "backend.urls"
ASGI_APPLICATION = "backend.config.asgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# A URL without its slash is a 404 instead of a redirect, which would lose the body of a POST.
APPEND_SLASH = False

_database_url = _env.database_url.get_secret_value()
if _database_url:
    DATABASES = {"default": dj_database_url.parse(_database_url, conn_max_age=60, conn_health_checks=True)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "backend.config.sqlite",
            "NAME": str(_state / "db.sqlite3"),
            # Without IMMEDIATE, 70 to 87 % of concurrent read-then-write transactions end in "database is locked".
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;",
            },
            # Tests use a file too: in memory there is neither WAL nor a second connection.
            "TEST": {"NAME": str(_state / "test.sqlite3")},
        }
    }

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Cookies ignore the port, so with a common name two platforms on one machine would sign out each other's users.
_instance = hashlib.sha256(str(_state).encode()).hexdigest()[:8]
_prefix = "__Host-" if _env.https else ""
SESSION_COOKIE_NAME = f"{_prefix}kml-session-{_instance}"
SESSION_COOKIE_AGE = _env.session_seconds
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _env.https
CSRF_COOKIE_NAME = f"{_prefix}kml-csrf-{_instance}"
# Scripts of the page get the token from GET /api/session/.
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _env.https
CSRF_TRUSTED_ORIGINS = [_env.backend_url] if _env.https else []
CSRF_FAILURE_VIEW = "backend.api.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _env.https else 0
SECURE_SSL_REDIRECT = _env.https
SECURE_REDIRECT_EXEMPT = [r"^api/health/"]
if urlsplit(_env.url_for_workers).scheme == "http":
    # Inside a cluster, workers call these addresses directly and not through the proxy that ends TLS for browsers.
    SECURE_REDIRECT_EXEMPT += [r"^api/jobs/", r"^api/announcements/", r"^api/heartbeats/"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _env.behind_proxy else None
X_FRAME_OPTIONS = "DENY"

# Bounds of one request's body; artifacts are streamed and have limits of their own.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 << 20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
DATA_UPLOAD_MAX_NUMBER_FILES = 1

STATIC_URL = "static/"
STATIC_ROOT = Path(__file__).resolve().parent.parent / "web"
# scripts/build-docs fills this folder. It is separate because a build of the web UI empties its own folder.
DOCUMENTATION_ROOT = STATIC_ROOT.with_name("documentation")
WHITENOISE_USE_FINDERS = False
WHITENOISE_AUTOREFRESH = False
# The names of built files contain a hash of their content; all others may change with the next version.
WHITENOISE_IMMUTABLE_FILE_TEST = r"/assets/.+-[\w-]{8}\.\w+$"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "backend.accounts.authentication.AccessTokenAuthentication",
        "backend.accounts.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["backend.accounts.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["backend.api.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["backend.api.renderers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "backend.api.pagination.LimitOffset",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.OrderingFilter",
        "rest_framework.filters.SearchFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "backend.api.schema.ProblemSchema",
    "EXCEPTION_HANDLER": "backend.api.errors.exception_handler",
    "DEFAULT_THROTTLE_RATES": {"login": "20/min", "proposal": "60/min", "preview": "240/min"},
    # The proxies whose X-Forwarded-For is trusted. Without a proxy none is trusted, because each guess
    # of a password could otherwise claim another address.
    "NUM_PROXIES": 1 if _env.behind_proxy else 0,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Kafka-ML",
    "DESCRIPTION": "Train, serve and watch models on Apache Kafka streams.\n\n"
    "Shares, rates of samples and probabilities are numbers from 0 to 1. Times are ISO 8601 in UTC. Numbers whose "
    "names end with `_ms` are milliseconds, and points in time among them count from 1970.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_PERMISSIONS": ["backend.accounts.permissions.RolePermission"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "backend.api.schema.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "StateEnum": "backend.runs.models.STATE_CHOICES",
        "DesiredStateEnum": "backend.runs.models.DesiredState",
        "RecordEncodingEnum": "backend.topics.write_serializers.ENCODING_CHOICES",
        "RoleEnum": "backend.accounts.models.Role",
        "FrameworkEnum": "backend.ml_models.serializers.FRAMEWORK_CHOICES",
        "FailureCategoryEnum": list(FailureCategory),
        "ReplicaStateEnum": list(ReplicaState),
        "ChallengeKindEnum": list(ChallengeKind),
        "SplitEnum": list(Split),
        "ContractSplitEnum": list(SplitBy),
        "FieldKindEnum": list(FieldKind),
        "FieldRoleEnum": list(FieldRole),
        "KeyKindEnum": list(KeyKind),
        "LabelKindEnum": list(LabelKind),
        "RemarkCodeEnum": list(RemarkCode),
        "SamplePartEnum": list(SamplePart),
    },
}

LOGGING_CONFIG = None
