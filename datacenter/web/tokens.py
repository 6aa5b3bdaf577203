"""Tokens of a project: create, list and revoke them."""

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from datacenter.access.models import Token
from datacenter.access.tokens import create_token, list_tokens, role_of
from datacenter.access.tokens import revoke as revoke_token
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, CallOutcome, Changing
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.access import NewTokenObject, NewTokenRequest, TokenObject
from datacenter.web.schemas.base import Page

router = APIRouter(prefix=f"{API}/tokens", tags=["access"], route_class=AuthRoute)


@router.post("", status_code=201, response_model=NewTokenObject, summary="Create a token")
def create(body: NewTokenRequest, call: Changing) -> Response:
    """The answer has the secret, which cannot be read again; a repeat with the same Idempotency-Key has `***`."""

    def change(session: Session) -> CallOutcome:
        token, secret = create_token(
            session,
            call.project_id,
            body.name,
            role=body.role,
            operator=body.operator,
            expires_at=body.expires_at,
            by=call.principal,
        )
        answer = new_token_object(token, call.principal.project_name, secret)
        return CallOutcome(status=201, body=answer, location=f"{API}/tokens/{token.id}", once=("secret",))

    return call.commit(change)


@router.get("", summary="List tokens")
def list_all(call: Authorized, limit: Limit = DEFAULT_ITEMS, cursor: CursorText = None) -> Page[TokenObject]:
    """Those of the caller's project, oldest first, also the revoked ones."""
    cursors = Cursors(secret=call.secret, list_name="tokens")
    with call.reading() as session:
        rows = list_tokens(session, call.project_id, after_id=cursors.read(cursor), limit=limit + 1)
    items = [token_object(token, project) for token, project in rows]
    return cursors.page(rows, limit, lambda row: row[0].id, items)


@router.delete(
    "/{token_id}",
    status_code=204,
    response_class=Response,
    responses=problems(404),
    summary="Revoke a token",
)
def revoke(token_id: str, call: Changing) -> Response:
    """It is rejected from the next request on; its event streams end within a minute."""

    def change(session: Session) -> CallOutcome:
        revoke_token(session, token_id, call.project_id)
        return CallOutcome(status=204, body=None)

    return call.commit(change)


def token_object(token: Token, project: str) -> TokenObject:
    """A token without its secret."""
    return TokenObject(
        id=token.id,
        name=token.name,
        project=project,
        role=role_of(token),
        operator=bool(token.operator),
        created_by=token.created_by,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
    )


def new_token_object(token: Token, project: str, secret: str) -> NewTokenObject:
    """A token with its secret, for the one response that has it."""
    return NewTokenObject(**token_object(token, project).model_dump(), secret=secret)
