"""The documentation under /docs/, as ``make docs`` built it; looked up at each request, so that no server needs a
restart.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils._os import safe_join
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from backend.api.errors import not_found

__all__ = ["documentation"]

_NOT_BUILT = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Kafka-ML: documentation</title></head><body>"
    "<h1>The documentation is not built here</h1>"
    "<p>In the folder of Kafka-ML, <code>make docs</code> builds it in some seconds; load this page again then.</p>"
    "<p>The same texts are in its folder <code>docs</code>; <code>kafka-ml --help</code> lists the commands, and "
    "<a href='/api/schema/'>the API describes itself</a>.</p><p><a href='/'>Back to Kafka-ML</a></p></body></html>"
)
# The names of these files contain a hash of their content.
_HASHED = re.compile(r"^assets/.+\.[0-9a-f]{8}\.(?:min\.)?\w+$")


@require_safe
def documentation(request: HttpRequest, path: str | None = None) -> HttpResponseBase:
    """A page or file of the documentation; what is missing is its own page 404, and 503 says how to build it."""
    root = Path(settings.DOCUMENTATION_ROOT)
    if path is None:
        return HttpResponseRedirect("/docs/")
    try:
        file = Path(safe_join(root, f"{path}index.html" if path.endswith("/") or not path else path))
    except (SuspiciousFileOperation, ValueError):
        return not_found(request, ValueError(path))
    if file.is_dir():
        return HttpResponseRedirect(f"/docs/{path}/")
    if file.is_file():
        return _file(request, file, hashed=_HASHED.match(path) is not None)
    missing = root / "404.html"
    if not missing.is_file():
        return HttpResponse(_NOT_BUILT, status=503, headers={"Cache-Control": "no-store"})
    return HttpResponse(missing.read_bytes(), status=404, headers={"Cache-Control": "no-cache"})


def _file(request: HttpRequest, file: Path, *, hashed: bool) -> HttpResponseBase:
    content_type, _ = mimetypes.guess_type(file.name)
    text = content_type is not None and content_type.startswith("text/")
    modified = int(file.stat().st_mtime)
    answer = HttpResponse(
        file.read_bytes(),
        content_type=f"{content_type}; charset=utf-8" if text else content_type or "application/octet-stream",
        headers={
            "Cache-Control": "max-age=315360000, public, immutable" if hashed else "no-cache",
            "Last-Modified": http_date(modified),
        },
    )
    found = get_conditional_response(request, last_modified=modified, response=answer)
    return found if found is not None else answer
