"""The texts of AWS for a denied call.

Source: IAM User Guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

POLICY_NAMES: Mapping[str, str] = {
    "identity_policy": "identity-based policy",
    "trust_policy": "role trust policy",
    "session_policy": "session policy",
    "permissions_boundary": "permissions boundary",
    "service_control_policy": "service control policy",
    "resource_control_policy": "resource control policy",
}
"""AWS's name of each type of policy in a denial, by the name of the type in this package."""

_TYPES = {name: policy_type for policy_type, name in POLICY_NAMES.items()} | {
    "resource-based policy": "trust_policy"
}
_NAME = r"(?P<name>[a-z][a-z -]*?(?:polic(?:y|ies)|boundary))"
_RESOURCE = re.compile(r" on resource: (\S+)")
_EXPLICIT = re.compile(rf"with an explicit deny(?: in (?:an? |the )?{_NAME})?", re.IGNORECASE)
_IMPLICIT = re.compile(rf"because no {_NAME} allows", re.IGNORECASE)


def denial(caller: str, action: str, resource: str) -> str:
    """A denial without a reason. AWS gives none for a role that does not exist, so as not to disclose that."""
    return f"User: {caller} is not authorized to perform: {action} on resource: {resource}"


def denied_resource(text: str) -> str | None:
    """The resource that a denial names."""
    found = _RESOURCE.search(text)
    return found[1] if found else None


def explicit_deny(policy_type: str) -> str:
    """The end of a denial that an explicit deny caused."""
    name = POLICY_NAMES[policy_type]
    article = "the" if policy_type == "trust_policy" else "an" if name[0] in "aeiou" else "a"
    return f" with an explicit deny in {article} {name}"


def implicit_deny(policy_type: str, action: str) -> str:
    """The end of a denial of an action that no statement allows."""
    return f" because no {POLICY_NAMES[policy_type]} allows the {action} action"


def denied_by(text: str) -> tuple[bool, str | None] | None:
    """Whether a denial is explicit, and the type of the policy that caused it; None for a type that is not known.

    None for a text that gives no reason.
    """
    explicit = _EXPLICIT.search(text)
    found = explicit or _IMPLICIT.search(text)
    if not found:
        return None
    name = re.sub(r"policies$", "policy", (found["name"] or "").lower().strip())
    return bool(explicit), _TYPES.get(name)
