"""Me: who sends this request, and with which rights."""

from fastapi import APIRouter

from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized
from datacenter.web.schemas.access import MeObject

router = APIRouter(prefix=f"{API}/me", tags=["access"], route_class=AuthRoute)


@router.get("", summary="Show who you are")
def show(call: Authorized) -> MeObject:
    """The subject of the token, its project, and what it may do."""
    principal = call.principal
    return MeObject(
        who=principal.name,
        subject=principal.subject,
        role=principal.role,
        operator=principal.operator,
        project=principal.project_name,
        expires_at=principal.expires_at,
    )
