"""What a hop takes, and what it refuses when it is made."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import ChainError
from rolechain.runtime import Hop

ROLE = "arn:aws:iam::222222222222:role/rolechain/deploy-middle"
DEVICE = "arn:aws:iam::222222222222:mfa/ann"


@pytest.mark.parametrize(
    "arn",
    [
        ROLE,
        "arn:aws-cn:iam::222222222222:role/x",
        "arn:aws-us-gov:iam::222222222222:role/a/b/c",
        "arn:aws:iam::222222222222:role/" + "n" * 64,
    ],
)
def test_a_role_arn_is_taken(arn: str) -> None:
    """Role ARNs of every partition, with a path or without."""
    assert Hop(arn).role_arn == arn


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "deploy-middle",
        "arn:aws:iam::22222222222:role/x",
        "arn:aws:iam::٢٢٢٢٢٢٢٢٢٢٢٢:role/x",
        "arn:aws:iam::222222222222:user/x",
        "arn:aws:sts::222222222222:assumed-role/x/s",
        "arn:aws:iam::222222222222:role/",
        "arn:aws:iam::222222222222:role/x\n",
        "arn:aws:iam::222222222222:role/" + "n" * 65,
        "arn:aws-mars:iam::222222222222:role/x",
        "arn:aws:iam::222222222222:role/*",
        None,
        222222222222,
    ],
)
def test_what_is_no_role_arn_is_refused(arn: Any) -> None:
    """Anything else is refused, with the value."""
    with pytest.raises(ChainError) as caught:
        Hop(arn)
    assert f"{arn!r} is not a role's ARN" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_name", "ab"),
        ("session_name", "x" * 64),
        ("session_name", "a_b+c=d,e.f@g-h"),
        ("external_id", "a:/b"),
        ("external_id", "x" * 1224),
        ("duration_seconds", 900),
        ("duration_seconds", 43200),
        ("policy", "{}" + " " * 2046),
        ("policy_arns", ("arn:aws:iam::aws:policy/ReadOnlyAccess",) * 10),
        ("tags", {f"key {n}é": "v" * 256 for n in range(50)}),
        ("tags", {"k" * 128: ""}),
        ("source_identity", "ann@example.org"),
    ],
)
def test_what_sts_takes_is_taken(field: str, value: Any) -> None:
    """Each field up to its limits."""
    assert getattr(Hop(ROLE, **{field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_name", "a"),
        ("session_name", "x" * 65),
        ("session_name", "ann b"),
        ("session_name", "änn"),
        ("session_name", "ann\n"),
        ("session_name", ""),
        ("session_name", 12),
        ("external_id", "a"),
        ("external_id", "x" * 1225),
        ("external_id", "ü1"),
        ("duration_seconds", 899),
        ("duration_seconds", 43201),
        ("duration_seconds", 3600.0),
        ("duration_seconds", True),
        ("duration_seconds", "3600"),
        ("duration_seconds", 0),
        ("policy", "{}" + " " * 2047),
        ("policy", ""),
        ("policy", "{"),
        ("policy", "[]"),
        ("policy", {"Statement": object()}),
        ("policy", "{\u20ac}"),
        ("policy_arns", ("arn:aws:iam::aws:policy/ReadOnlyAccess",) * 11),
        ("policy_arns", ("ReadOnlyAccess",)),
        ("tags", {f"k{n}": "v" for n in range(51)}),
        ("tags", {"k" * 129: "v"}),
        ("tags", {"": "v"}),
        ("tags", {"k": "v" * 257}),
        ("tags", {"k": 1}),
        ("tags", {"k": "a*b"}),
        ("tags", {"Team": "a", "team": "b"}),
        ("tags", {"aws:team": "a"}),
        ("tags", [{"Key": "k", "Value": "v"}]),
        ("transitive_tag_keys", ("Team",)),
        ("source_identity", "a"),
        ("source_identity", "aws:ann"),
        ("source_identity", "x" * 65),
        ("serial_number", DEVICE),
        ("token_code", lambda: "123456"),
    ],
)
def test_what_sts_refuses_is_refused(field: str, value: Any) -> None:
    """Each field beyond its limits is refused when the hop is made, naming the role and the field."""
    with pytest.raises(ChainError) as caught:
        Hop(ROLE, **{field: value})
    assert str(caught.value).startswith(f"{ROLE}.{field}: ")
    assert [problem.place for problem in caught.value.problems] == [(ROLE, field)]


def test_every_mistake_is_told_at_once() -> None:
    """Two mistakes make two lines."""
    with pytest.raises(ChainError) as caught:
        Hop(ROLE, session_name="a b", duration_seconds=1)
    assert [problem.place[1] for problem in caught.value.problems] == ["session_name", "duration_seconds"]


@pytest.mark.parametrize("code", ["123456", 123456])
def test_a_code_is_asked_for_not_stored(code: Any) -> None:
    """A code in place of the callable is refused without being repeated."""
    with pytest.raises(ChainError, match="must be a callable") as caught:
        Hop(ROLE, serial_number=DEVICE, token_code=code)
    assert "123456" not in str(caught.value)


def test_its_repr_keeps_code_and_policy_to_itself() -> None:
    """The repr names neither what gives the code nor the session policy."""
    hop = Hop(ROLE, serial_number=DEVICE, token_code=lambda: "123456", policy={"Version": "2012-10-17"})
    assert "token_code" not in repr(hop)
    assert "2012-10-17" not in repr(hop)
    assert ROLE in repr(hop)
    assert hop.policy == '{"Version":"2012-10-17"}'


def test_it_is_frozen_and_keeps_no_hold_on_what_it_was_given() -> None:
    """A hop is hashable, and does not follow later changes of the mapping or list it was made of."""
    tags, arns = {"Team": "a"}, ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    hop = Hop(ROLE, tags=tags, policy_arns=arns)
    tags["x"] = "y"
    arns.clear()
    assert hop == Hop(ROLE, tags={"Team": "a"}, policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",))
    assert hash(hop) == hash(Hop(ROLE, tags={"Team": "a"}, policy_arns=hop.policy_arns))
    with pytest.raises(AttributeError):
        hop.role_arn = "x"  # type: ignore[misc]
