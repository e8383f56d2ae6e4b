"""The texts of a denial are read as they are written."""

from __future__ import annotations

import pytest

from rolechain.iam.denials import POLICY_NAMES, denial, denied_by, explicit_deny, implicit_deny
from rolechain.policy import Side
from rolechain.runtime import Cause

CALL = denial("arn:aws:sts::111111111111:assumed-role/a/s", "sts:AssumeRole", "arn:aws:iam::2:role/b")


@pytest.mark.parametrize("policy_type", POLICY_NAMES)
def test_a_denial_is_read_as_it_is_written(policy_type: str) -> None:
    """The decision's and the runtime's names of a policy type are those of the texts, in both kinds of denial."""
    assert (Side(policy_type).value, Cause(policy_type).value) == (policy_type, policy_type)
    assert denied_by(CALL + explicit_deny(policy_type)) == (True, policy_type)
    assert denied_by(CALL + implicit_deny(policy_type, "sts:AssumeRole")) == (False, policy_type)


def test_a_denial_without_a_reason_says_none() -> None:
    """The bare text names no policy, and a type that is not known is none."""
    assert denied_by(CALL) is None
    assert denied_by(f"{CALL} with an explicit deny in a new kind of policy") == (True, None)
