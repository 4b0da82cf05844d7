"""Two uploaded photos, one decision; and the policies to decide by."""

from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi.responses import JSONResponse

from visavis.api import models as m
from visavis.api.access import needs
from visavis.api.service import Service
from visavis.decision import POLICIES
from visavis.session import Scope


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", dependencies=[Depends(needs(Scope.COMPARISONS))])

    @routes.post("/comparisons", tags=["comparisons"], response_model=m.Comparison)
    def create_comparison(
        reference: Annotated[UploadFile, File()],
        probe: Annotated[UploadFile, File()],
        policy: Annotated[str, Form()] = "1e-4",
    ) -> JSONResponse:
        """Is the person in the one photo the one in the other? Nothing of the two is kept."""
        photos = {"reference": reference.file.read(), "probe": probe.file.read()}
        decision = service.desk.models.current.verify(**photos, policy=policy)
        service.desk.decided(decision)
        return JSONResponse({"object": "comparison", **decision.to_dict()})

    @routes.get("/policies", tags=["policies"])
    def list_policies() -> m.Page[m.Policy]:
        """The policies by name, each with the share of strangers that it lets match."""
        data = [
            m.Policy(name=each.name, fmr_target=each.fmr_target, condition=each.condition) for each in POLICIES.values()
        ]
        return m.Page(data=data, has_more=False)

    return routes
