"""Which role each operation needs: the one table of role and route."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.routing import APIRoute

from datacenter.access.roles import Role
from datacenter.access.tokens import Principal
from datacenter.errors import Forbidden
from storage_adapters.options import OptionValue


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the subject of a request must be. An operator has no more rights to data than its role gives."""

    role: Role = Role.VIEWER
    operator: bool = False
    """Only an operator, whatever the role."""
    or_operator: bool = False
    """An operator even with a lower role."""


VIEWER, EDITOR, ADMIN = Needs(), Needs(role=Role.EDITOR), Needs(role=Role.ADMIN)
OPERATOR = Needs(operator=True)

NEEDS: Mapping[str, Needs] = {
    "me_show": VIEWER,
    "audit_list_all": Needs(role=Role.ADMIN, or_operator=True),
    "datasets_change_record": EDITOR,
    "datasets_create": EDITOR,
    "datasets_delete": EDITOR,
    "datasets_list_all": VIEWER,
    "datasets_preview": EDITOR,
    "datasets_restore": EDITOR,
    "datasets_show": VIEWER,
    "dataset_files_list_all": VIEWER,
    "dataset_files_look": VIEWER,
    "dataset_files_read": VIEWER,
    "dataset_files_read_manifest": VIEWER,
    "dataset_labels_change": EDITOR,
    "dataset_versions_list_all": VIEWER,
    "downloads_create_for_dataset": VIEWER,
    "downloads_create_for_export": VIEWER,
    "downloads_show": VIEWER,
    "events_watch": VIEWER,
    "exports_create": EDITOR,
    "exports_list_all": VIEWER,
    "exports_preview": VIEWER,
    "exports_show": VIEWER,
    "jobs_cancel": Needs(role=Role.EDITOR, or_operator=True),
    "jobs_list_all": VIEWER,
    "jobs_retry": Needs(role=Role.EDITOR, or_operator=True),
    "jobs_show": VIEWER,
    "multipart_complete": EDITOR,
    "multipart_create": EDITOR,
    "multipart_link": EDITOR,
    "multipart_list_parts": EDITOR,
    "multipart_remove": EDITOR,
    "multipart_show": EDITOR,
    "projects_change": OPERATOR,
    "projects_create": OPERATOR,
    "projects_list_all": OPERATOR,
    "projects_show": OPERATOR,
    "storages_add": ADMIN,
    "storages_change_registration": ADMIN,
    "storages_list_all": VIEWER,
    "storages_remove": ADMIN,
    "storages_show": VIEWER,
    "storage_contents_browse_source": EDITOR,
    "storage_contents_check": EDITOR,
    "tokens_create": ADMIN,
    "tokens_list_all": ADMIN,
    "tokens_revoke": ADMIN,
    "tus_append": EDITOR,
    "tus_create": EDITOR,
    "tus_remove": EDITOR,
    "tus_show": EDITOR,
}
"""By the operation's id in the OpenAPI document; every operation that takes a token has a row."""


def require(principal: Principal, operation_id: str) -> None:
    """Refuse an operation that the subject's role does not allow. Raises: Forbidden."""
    needs = NEEDS[operation_id]
    if needs.operator and not principal.operator:
        raise Forbidden("operator: this needs the token of an operator of the installation")
    if needs.or_operator and principal.operator:
        return
    if not principal.role.includes(needs.role):
        raise Forbidden(f"role: this needs the role {needs.role}; the token has the role {principal.role}")


def operation_id_of(route: APIRoute) -> str:
    """The id of a route in the OpenAPI document."""
    return route.operation_id or operation_id(route)


def operation_id(route: APIRoute) -> str:
    """`datasets_create`: short names for the functions of generated clients, and for the table of roles."""
    module = route.endpoint.__module__.rsplit(".", 1)[-1]
    return f"{module}_{route.endpoint.__name__}"


OPERATOR_OPTIONS = frozenset({"functions"})
"""Options of storages that widen what a query may do at a server."""


def require_for_options(principal: Principal, options: Mapping[str, OptionValue] | None) -> None:
    """Refuse options of a storage that only an operator may give. Raises: Forbidden, naming the field."""
    for option in sorted(OPERATOR_OPTIONS & set(options or ())):
        if not principal.operator:
            raise Forbidden(
                f"options.{option}: only an operator of the installation may give it; leave it out, or ask an operator"
            )
