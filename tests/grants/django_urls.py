"""What the Django server answers at: the library's endpoints, an API, and a record of what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.decorators import protected_resource
from oauth2_provider.urls import metadata_urlpatterns
from oauth2_provider.views import TokenView

ASKED: list[dict[str, Any]] = []


def logged_in(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: whoever opens a page in a browser is the one user that there is."""

    def handle(request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/o/authorize"):
            request.user = get_user_model().objects.get()
        if not request.path.startswith("/asked"):
            ASKED.append(
                {
                    "path": request.path,
                    "method": request.method,
                    "query": {name: request.GET.getlist(name) for name in request.GET},
                    "form": {name: request.POST.getlist(name) for name in request.POST},
                    "headers": {name.lower(): value for name, value in request.headers.items()},
                }
            )
        return answer(request)

    return handle


@protected_resource(scopes=["read"])
def api(request: HttpRequest) -> HttpResponse:
    user = getattr(request, "resource_owner", None)
    return JsonResponse({"hello": user.get_username() if user else "nobody"})


def asked(request: HttpRequest) -> HttpResponse:
    """All requests so far, for the tests to look at."""
    return JsonResponse(ASKED, safe=False)


@csrf_exempt
def loose(request: HttpRequest) -> HttpResponse:
    """A token endpoint that overlooks the query of its URL, as many do and this library does not."""
    request.META["QUERY_STRING"] = ""
    request.GET = QueryDict()  # type: ignore[assignment]
    return TokenView.as_view()(request)


urlpatterns = [
    path("o/loose/", loose),
    path("", include(metadata_urlpatterns)),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("api/", api),
    path("asked/", asked),
]
