"""Which scope a route needs."""

from collections.abc import Callable

from fastapi import Request

from visavis.errors import ScopeMissing
from visavis.session import ApiKey, Scope


def needs(scope: Scope) -> Callable[[Request], ApiKey]:
    """A dependency that gives the request's key. Raises ScopeMissing."""

    def key(request: Request) -> ApiKey:
        found: ApiKey = request.state.api_key
        if scope not in found.scopes:
            raise ScopeMissing(f"this API key is not for {scope.value}")
        return found

    return key
