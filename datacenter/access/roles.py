"""Roles in a project, each with the rights of those before it; an operator is not a role but a flag beside it."""

from enum import StrEnum


class Role(StrEnum):
    """What a subject may do in its project."""

    VIEWER = "viewer"
    """List, read, download."""
    EDITOR = "editor"
    """Also import, label, export, delete, cancel."""
    ADMIN = "admin"
    """Also tokens and storages of the project."""

    def includes(self, other: "Role") -> bool:
        """Whether this role has all rights of `other`."""
        roles = list(Role)
        return roles.index(self) >= roles.index(other)
