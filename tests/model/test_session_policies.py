"""What limits the session of a hop: declared on its callee, and refused where STS would refuse it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rolechain import Chain, ChainError, ChainRole

ALLOW = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
OWN, AWS_OWN = "arn:aws:iam::222222222222:policy/team/limit", "arn:aws:iam::aws:policy/ReadOnlyAccess"


def chain(source: Mapping[str, Any] | None = None, **middle: Any) -> Chain:
    return Chain(
        "deploy",
        source=ChainRole("111111111111", **(source or {})),
        middle=ChainRole("222222222222", **middle),
        targets=ChainRole("333333333333"),
    )


def document(*statements: object, **more: object) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


def refused(**fields: Any) -> str:
    with pytest.raises(ChainError) as caught:
        chain(**fields)
    return str(caught.value)


def test_a_hop_passes_what_its_callee_declares() -> None:
    """Mapping and JSON are one policy, as short as JSON can be; the next hop passes nothing of it."""
    text = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}'
    )
    made = chain(policy=document(ALLOW), policy_arns=[AWS_OWN, OWN])
    assert made == chain(policy=text.replace(":", ": ", 1), policy_arns=(AWS_OWN, OWN))
    first, second = made.hops_to("333333333333")
    assert (first.policy, first.policy_arns) == (text, (AWS_OWN, OWN))
    assert (second.policy, second.policy_arns) == (None, ())
    assert chain(policy_arns=OWN).middle[0].policy_arns == (OWN,)
    assert hash(made.middle[0]) == hash(chain(policy=text, policy_arns=[AWS_OWN, OWN]).middle[0])


def test_as_long_as_sts_takes() -> None:
    """The policy and the ARNs have 2,048 characters together, of compact JSON, and ten ARNs at most."""
    shortest = len(chain(policy=document(ALLOW, Id="")).middle[0].policy or "")
    room = 2048 - shortest - len(OWN)
    assert chain(policy=document(ALLOW, Id="x" * room), policy_arns=OWN).middle[0].policy_arns == (OWN,)
    assert refused(policy=document(ALLOW, Id="x" * (room + 1)), policy_arns=OWN) == (
        "middle[0].policy: 2049 characters, the ARNs of policy_arns included: STS takes 2048 at most; shorten it"
    )
    assert refused(policy_arns=[AWS_OWN] * 11) == (
        "middle[0].policy_arns: 11 policies: STS takes 10 at most; remove some"
    )
    assert refused(policy_arns=[f"arn:aws:iam::222222222222:policy/{'p' * 100}/{'x' * 100}"] * 10) == (
        "middle[0].policy_arns: 2340 characters, the ARNs of policy_arns included: STS takes 2048 at most; shorten it"
    )


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", "the policy is not JSON: line 1: Expecting value"),
        ("ReadOnlyAccess", "the policy is not JSON: line 1: Expecting value"),
        ("[]", "the policy is []: write an object"),
        (7, "the policy is 7: write an object"),
        (
            [ALLOW],
            "the policy is [{'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Resourc...: write an object",
        ),
        ({}, "Statement is missing: a policy holds one at least"),
        (document(), "Statement is empty: add a statement"),
        (document("x"), "statement 0: the statement is 'x': write an object"),
        (document(ALLOW, Version="2026-01-01"), "Version is '2026-01-01': write \"2012-10-17\""),
        (
            document(ALLOW, Version=datetime.date(2012, 10, 17)),
            'Version is datetime.date(2012, 10, 17): write "2012-10-17"',
        ),
        (
            document(ALLOW, Id=object),
            "it holds a value that JSON does not have: write strings, numbers, lists and objects",
        ),
        (
            '{"Statement": [], "Statement": []}',
            "the key 'Statement' occurs twice in one object: remove one",
        ),
        ('{"Statement": NaN}', "the policy holds NaN, which no JSON has: write a text"),
        (document(ALLOW | {"Effect": "Maybe"}), "statement 0: Effect is 'Maybe': write Allow or Deny"),
        (
            document(ALLOW, {"Effect": "Allow", "Action": "*"}),
            "statement 1: Action or Resource is missing: add it; * stands for all",
        ),
        (
            document(ALLOW | {"Action": []}),
            "statement 0: Action or Resource is missing: add it; * stands for all",
        ),
        (
            document(ALLOW | {"Resource": ["*", "${aws:userid}"]}),
            "statement 0: '${aws:userid}' is not a resource: write its ARN, or *",
        ),
        (
            document(ALLOW, ALLOW | {"Principal": "*"}),
            "statement 1: a session policy takes no Principal: remove it",
        ),
        (
            document(ALLOW | {"NotPrincipal": {"AWS": "*"}}),
            "statement 0: a session policy takes no Principal: remove it",
        ),
        (
            document(ALLOW | {"Resource": {"Fn::GetAtt": ["Role", "Arn"]}}),
            "it holds Fn::GetAtt, which only CloudFormation resolves: write the value itself",
        ),
        ({"Ref": "Policy"}, "it holds Ref, which only CloudFormation resolves: write the value itself"),
    ],
)
def test_what_is_no_session_policy(policy: Any, expected: str) -> None:
    """What STS would refuse is refused when the chain is made, in one line with its place."""
    assert refused(policy=policy) == f"middle[0].policy: {expected}"


@pytest.mark.parametrize(
    "arn",
    [
        "ReadOnlyAccess",
        "arn:aws-cn:iam::aws:policy/ReadOnlyAccess",
        "arn:aws:iam::222222222222:policy/*",
        "arn:aws:iam::222222222222:role/limit",
        "arn:aws:iam::*:policy/limit",
        7,
    ],
)
def test_what_is_no_managed_policy(arn: Any) -> None:
    """Each of the policies is one ARN, of the chain's partition."""
    assert refused(policy_arns=[AWS_OWN, arn]) == (
        f"middle[0].policy_arns[1]: {arn!r} is not a managed policy's ARN in the chain's partition: write "
        "arn:<partition>:iam::aws:policy/<name>, or one of the role's account"
    )


def test_a_policy_of_another_account() -> None:
    """STS looks for managed policies in the role's account only."""
    assert refused(policy_arns="arn:aws:iam::333333333333:policy/limit") == (
        "middle[0].policy_arns[0]: arn:aws:iam::333333333333:policy/limit is of account 333333333333, and STS looks in "
        "the role's own, 222222222222: name a policy of that account, or one of AWS's"
    )


def test_no_hop_ends_in_a_source_role() -> None:
    """There is no hop that could pass them."""
    said = "no hop ends in the source role: declare it on the role that the hop assumes"
    assert refused(source={"policy": document(ALLOW), "policy_arns": AWS_OWN}).splitlines() == [
        f"source.policy: {said}",
        f"source.policy_arns: {said}",
    ]


FILE = """\
name: deploy
source: {{account: "111111111111"}}
middle:
  account: "222222222222"
  {0}
targets: {{account: "333333333333"}}
"""


@pytest.mark.parametrize(
    "text",
    [
        'policy: {Version: "2012-10-17", Statement: {Effect: Allow, Action: [sts:AssumeRole], Resource: "*"}}',
        'policy: |\n    {"Version": "2012-10-17",\n'
        '     "Statement": {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": "*"}}',
    ],
)
def test_in_a_file(tmp_path: Path, text: str) -> None:
    """A file holds the policy as a mapping or as a text of JSON."""
    file = tmp_path / "chain.yaml"
    file.write_text(FILE.format(f"{text}\n  policy_arns: {AWS_OWN}"))
    statement = ALLOW | {"Action": ["sts:AssumeRole"]}
    assert Chain.load(file) == chain(
        policy={"Version": "2012-10-17", "Statement": statement}, policy_arns=[AWS_OWN]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("policy:", "policy: no value: add one, or remove the key"),
        ("policy_arns: []", "policy_arns: the list is empty: add a value, or remove the key"),
        (
            "policy: {Version: 2012-10-17, Statement: []}",
            "policy.Version: 2012-10-17 is a timestamp to YAML: put it in quotes",
        ),
        (
            "policy: {Statement: [{Effect: yes}]}",
            "policy.Statement[0].Effect: yes is a bool to YAML: put it in quotes",
        ),
        (
            "policy: {Statement: [], Statement: []}",
            "policy.Statement: the key occurs twice: remove one",
        ),
        (
            "policy: &a {Statement: [*a]}",
            "policy.Statement[0]: an alias repeats it: write the value out",
        ),
        ("policy: [x]", "policy: the policy is ['x']: write an object"),
        ("policy: limit.json", "policy: the policy is not JSON: line 1: Expecting value"),
    ],
)
def test_a_mistake_in_a_file(tmp_path: Path, text: str, expected: str) -> None:
    """Each is one line, with the line and the place in the file."""
    file = tmp_path / "chain.yaml"
    file.write_text(FILE.format(text))
    with pytest.raises(ChainError) as caught:
        Chain.load(file)
    assert str(caught.value) == f"{file}:5: middle[0].{expected}"
