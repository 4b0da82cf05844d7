"""Which scope a route needs."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from visavis.errors import ScopeMissing
from visavis.session import ApiKey, Scope


def needs(scope: Scope) -> Callable[[Request], Awaitable[ApiKey]]:
    """A dependency that gives the request's key. Raises ScopeMissing."""

    async def key(request: Request) -> ApiKey:  # it waits for nothing, and so needs no thread
        found: ApiKey = request.state.api_key
        if scope not in found.scopes:
            raise ScopeMissing(f"this API key is not for {scope.value}")
        return found

    return key
