"""Every kind of entrance with every option: whom its policy admits, and what is said when a condition is loosened.

The requests are written down here, from what is declared, and decided by the engine that decides one AssumeRole. It
knows nothing of the proof.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from rolechain import Chain, ChainRole, Entrance, SessionTag, SourceIdentity
from rolechain.graph import language
from rolechain.policy import Callee, Caller, Policy, Request, decide
from rolechain.proof import Level, Template, prove

Json = dict[str, Any]
TemplatesOf = Callable[[Chain], list[Template]]
Change = Callable[[str, Any], tuple[str, Any] | None]

ORGANIZATION, SOURCE = "o-exampleorg1", "111111111111"
CI, ANN = "arn:aws:iam::777777777777:role/ci", "arn:aws:iam::777777777777:user/ann"
OIDC, OKTA = (
    f"arn:aws:iam::{SOURCE}:oidc-provider/ci.example.com",
    f"arn:aws:iam::{SOURCE}:saml-provider/okta",
)
HELD: Json = {
    "source_account": SOURCE,
    "source_arn": f"arn:aws:codebuild:us-east-1:{SOURCE}:project/app",
    "source_organization": ORGANIZATION,
}
ANCHOR = f"arn:aws:rolesanywhere:us-east-1:{SOURCE}:trust-anchor/a"
PODS, ANYWHERE = "pods.eks.amazonaws.com", "rolesanywhere.amazonaws.com"
ADMIN = Policy.parse(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)

WHO: Mapping[str, Callable[..., Entrance]] = {
    "service": lambda **more: Entrance.service("codebuild.amazonaws.com", **more),
    "service for one": lambda **more: Entrance.service("codebuild.amazonaws.com", **HELD, **more),
    "account": lambda **more: Entrance.account("777777777777", external_id="ext-1", **more),
    "account's roles": lambda **more: Entrance.account("777777777777", iam_users=False, **more),
    "account's users": lambda **more: Entrance.account("777777777777", mfa=True, mfa_max_age=900, **more),
    "vendor": lambda **more: Entrance.account("999999999999", external_id="v-1", third_party=True, **more),
    "role": lambda **more: Entrance.arn(CI, **more),
    "user": lambda **more: Entrance.arn(ANN, mfa=True, external_id="ext-1", **more),
    "token": lambda **more: Entrance.oidc(OIDC, audience=["sts", "x"], subject="repo:acme/app:*", **more),
    "assertion": lambda **more: Entrance.saml(OKTA, **more),
    "permission set": lambda **more: Entrance.permission_set("Deploy", **more),
}
BRINGS: Mapping[str, Json] = {
    "nothing": {},
    "tags": {"session_tags": {"Team": ["a", "b-*"], "Stage": "dev"}, "transitive_tag_keys": "Team"},
    "perhaps a tag": {"session_tags": [SessionTag("Team", "a*", required=False)]},
    "an identity": {"source_identity": ["ann", "bob"]},
    "perhaps an identity": {"source_identity": SourceIdentity("b*", required=False)},
    "both": {"session_tags": [SessionTag("Team")], "source_identity": SourceIdentity()},
}
ENTRANCES: Mapping[str, Entrance] = {
    **{
        f"{who}, {what}": made(**more)
        for who, made in WHO.items()
        for what, more in BRINGS.items()
        # What is brought is the same for all of them: one brings each, the others nothing and both.
        if who == "role" or what in ("nothing", "both")
    },
    "pods": Entrance.service(PODS),
    "pods of one": Entrance.service(
        PODS,
        session_tags={"kubernetes-namespace": "team-a", "kubernetes-service-account": "runner"},
        source_account=SOURCE,
    ),
    "pods of some": Entrance.service(PODS, session_tags={"kubernetes-namespace": ["team-*", "ops"]}),
    "pods perhaps": Entrance.service(
        PODS, session_tags=[SessionTag("kubernetes-namespace", "team-a", required=False)]
    ),
    "certificate": Entrance.service(ANYWHERE, source_arn=ANCHOR, certificate={"x509Subject/CN": "build"}),
    "certificate as": Entrance.service(ANYWHERE, source_arn=ANCHOR, source_identity=["build", "test-*"]),
}


class Call(NamedTuple):
    """One call.

    Attributes:
        who: the ARN of the role or user that calls, or a service.
        context: its condition keys.
        declared: whether the entrance stands for it; None where nobody can make it.
    """

    who: str
    context: Json
    declared: bool | None


@pytest.mark.parametrize("name", ENTRANCES)
def test_what_is_declared_gets_in_and_no_looser_policy_is_proven(
    name: str, templates_of: TemplatesOf
) -> None:
    """Of each entrance, the policy admits what is declared alone, and whatever lets in more is an error."""
    entrance = ENTRANCES[name]
    chain = Chain(
        "deploy",
        source=ChainRole(SOURCE, assumed_by=[entrance]),
        targets=[ChainRole("333333333333")],
        organization=ORGANIZATION,
    )
    templates = templates_of(chain)
    document = templates[0].body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]
    statements = document["Statement"]
    calls = dict(_calls(entrance))
    admitted = _admitted(statements, calls)
    for what, call in calls.items():
        assert call.declared is None or (what in admitted) is call.declared, what
    assert _errors(chain, templates) == set()
    for what, changed in _looser(statements):
        if _admitted(changed, calls) - admitted:
            document["Statement"] = changed
            assert _errors(chain, templates), what


def test_the_looser_policies_matter(templates_of: TemplatesOf) -> None:
    """Each condition of an entrance that asks for everything lets somebody else in when it is taken away."""
    for name in ("service for one, both", "account, both", "pods of one", "certificate as"):
        chain = Chain(
            "deploy",
            source=ChainRole(SOURCE, assumed_by=[ENTRANCES[name]]),
            targets=[ChainRole("333333333333")],
            organization=ORGANIZATION,
        )
        role = templates_of(chain)[0].body["Resources"]["Role0"]["Properties"]
        statements = role["AssumeRolePolicyDocument"]["Statement"]
        calls = dict(_calls(ENTRANCES[name]))
        before = _admitted(statements, calls)
        keys = {key for each in statements for asked in each["Condition"].values() for key in asked}
        matter = {
            key
            for key in keys
            if _admitted([_changed(each, key, _gone) for each in statements], calls) - before
        }
        assert matter == keys


@pytest.mark.parametrize(
    "name", ["role, tags", "account, both", "pods of one", "certificate", "certificate as"]
)
def test_the_same_in_other_words_is_proven(name: str, templates_of: TemplatesOf) -> None:
    """A trust policy that says the same with lists, with a statement for each action, or closes more is no error."""
    chain = Chain(
        "deploy",
        source=ChainRole(SOURCE, assumed_by=[ENTRANCES[name]]),
        middle=[ChainRole("222222222222", session_tags={"Level": "low"})],
        targets=[ChainRole("333333333333")],
    )
    for said in _said_otherwise:
        templates = templates_of(chain)
        for template in templates:
            document = template.body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]
            document["Statement"] = said(document["Statement"])
        assert _errors(chain, templates) == set(), said.__name__


def _with_lists(statements: Sequence[Json]) -> list[Json]:
    return [
        each
        | {
            "Condition": {
                operator: {key: value if isinstance(value, list) else [value] for key, value in asked.items()}
                for operator, asked in each.get("Condition", {}).items()
            }
        }
        for each in statements
    ]


def _one_action_each(statements: Sequence[Json]) -> list[Json]:
    actions = [
        each["Action"] if isinstance(each["Action"], list) else [each["Action"]] for each in statements
    ]
    return [
        each | {"Sid": f"{each['Sid']}{number}", "Action": action}
        for each, listed in zip(statements, actions, strict=True)
        for number, action in enumerate(listed)
    ]


def _over_tls(statements: Sequence[Json]) -> list[Json]:
    tls = {"Bool": {"aws:SecureTransport": "true"}}
    return [each | {"Condition": each.get("Condition", {}) | tls} for each in statements]


def _but_for_one(statements: Sequence[Json]) -> list[Json]:
    eve = {"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::777777777777:user/eve"}}
    return [*statements, {"Effect": "Deny", "Action": "sts:*", "Principal": "*", "Condition": eve}]


_said_otherwise = (_with_lists, _one_action_each, _over_tls, _but_for_one)


def _errors(chain: Chain, templates: list[Template]) -> set[str]:
    return {finding.rule for finding in prove(chain, templates).findings if finding.level is Level.ERROR}


def _admitted(statements: Sequence[Json], calls: Mapping[str, Call]) -> set[str]:
    """The calls that a trust policy lets in; tokens are put to it as if a service named them."""
    served = [
        each
        | (
            {"Principal": {"Service": "tokens"}, "Action": each["Action"].split("With")[0]}
            if "Federated" in each["Principal"]
            else {}
        )
        for each in statements
    ]
    policy = Policy.parse({"Version": "2012-10-17", "Statement": served})
    return {what for what, call in calls.items() if _allowed(policy, call)}


def _allowed(policy: Policy, call: Call) -> bool:
    carried = ("aws:RequestTag/", "sts:TransitiveTagKeys")
    tagged = any(key.startswith(carried) for key in call.context)
    named = "sts:SourceIdentity" in call.context
    whose = {"aws:PrincipalArn": call.who, "aws:PrincipalAccount": call.who.split(":")[4:5]}
    request = Request(
        caller=_caller(call.who),
        callee=Callee(f"arn:aws:iam::{SOURCE}:role/rolechain/deploy-source", policy),
        context=call.context | (whose if call.who.startswith("arn:") else {}),
        actions=["sts:AssumeRole", *["sts:TagSession"] * tagged, *["sts:SetSourceIdentity"] * named],
        identity_policies=[ADMIN],
    )
    return decide(request).allowed


def _caller(who: str) -> Caller:
    if not who.startswith("arn:"):
        return Caller("service", who)
    account, name = who.split(":")[4], who.rsplit("/", 1)[-1]
    if ":user/" in who:
        return Caller("user", who, account)
    return Caller("role-session", f"arn:aws:sts::{account}:assumed-role/{name}/s", account, who)


def _calls(entrance: Entrance) -> Iterator[tuple[str, Call]]:
    """The call of whoever is declared, and the same changed in one thing."""
    who, asked = _who(entrance)
    tags = {tag.key: _one_of(tag.values) for tag in entrance.tags if "*" not in tag.key}
    kept = [key for key in entrance.transitive_tag_keys if key in tags]
    identity = entrance.identity
    named = {"sts:SourceIdentity": _one_of(identity.values)} if identity else {}
    usual = asked | _tagged(tags, kept) | named
    yield "as declared", Call(who, usual, declared=True)
    for key in asked:
        anyway = key == "aws:PrincipalOrgID" and entrance.third_party
        others = {each: value for each, value in usual.items() if each != key}
        yield f"without {key}", Call(who, others, declared=anyway)
        yield f"another {key}", Call(who, others | {key: _unlike(asked[key])}, declared=anyway)
    for tag in (each for each in entrance.tags if each.key in tags):
        rest = {key: value for key, value in tags.items() if key != tag.key}
        lacking = asked | _tagged(rest, [key for key in kept if key != tag.key]) | named
        yield f"without the tag {tag.key}", Call(who, lacking, declared=not tag.required)
        another = asked | _tagged(tags | {tag.key: "zzz"}, kept) | named
        yield f"another {tag.key}", Call(who, another, declared=not tag.values)
    bare = any(tag.required for tag in entrance.tags)
    yield "without tags", Call(who, asked | named, declared=not bare)
    if not entrance.known:
        more = asked | _tagged(tags | {"Admin": "yes"}, kept) | named
        yield "a tag more", Call(who, more, declared=False)
        turned = asked | _tagged(tags, [key for key in tags if key not in kept]) | named
        yield "others transitive", Call(who, turned, declared=not tags)
    anonymous = asked | _tagged(tags, kept)
    yield "without an identity", Call(who, anonymous, declared=not (identity and identity.required))
    eve = anonymous | {"sts:SourceIdentity": "eve"}
    yield "as eve", Call(who, eve, declared=identity is not None and not identity.values)
    for kind in ("role", "user") if who.startswith("arn:") else ():
        neighbour = f"arn:aws:iam::{who.split(':')[4]}:{kind}/another"
        welcome = entrance.kind == "account" and (entrance.iam_users or kind == "role")
        # No role's session has MFA, which is not for its policy to say.
        impossible = entrance.mfa and kind == "role"
        yield f"as another {kind}", Call(neighbour, usual, declared=None if impossible else welcome)


def _who(entrance: Entrance) -> tuple[str, Json]:
    """Somebody for whom the entrance stands, and what its policy asks of the call besides what that carries."""
    if entrance.kind == "service":
        held = {
            "aws:SourceAccount": entrance.source_account[:1],
            "aws:SourceArn": entrance.source_arn[:1],
            "aws:SourceOrgID": [entrance.source_organization] if entrance.source_organization else [],
            **{f"aws:PrincipalTag/{key}": [value] for key, value in entrance.certificate.items()},
        }
        return entrance.value, {key: value[0] for key, value in held.items() if value}
    if entrance.kind == "oidc":
        return "tokens", {"ci.example.com:aud": "x", "ci.example.com:sub": "repo:acme/app:z"}
    if entrance.kind == "saml":
        return "tokens", {"SAML:aud": "https://signin.aws.amazon.com/saml"}
    asked = {
        "aws:PrincipalOrgID": "o-stranger000" if entrance.third_party else ORGANIZATION,
        "sts:ExternalId": entrance.external_id,
        "aws:MultiFactorAuthPresent": "true" if entrance.mfa else None,
        "aws:MultiFactorAuthAge": "60" if entrance.mfa_max_age else None,
    }
    path = f"role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_{entrance.value}_0123456789abcdef"
    who = {
        "account": f"arn:aws:iam::{entrance.value}:{'user' if entrance.mfa else 'role'}/one",
        "arn": entrance.value,
        "permission_set": f"arn:aws:iam::{SOURCE}:{path}",
    }
    return who[entrance.kind], {key: value for key, value in asked.items() if value}


def _tagged(tags: Mapping[str, str], transitive: Sequence[str]) -> Json:
    keys: Json = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    keys |= {"aws:TagKeys": list(tags)} if tags else {}
    return keys | ({"sts:TransitiveTagKeys": list(transitive)} if transitive else {})


def _one_of(values: Sequence[str]) -> str:
    return values[0].replace("*", "1") if values else "any"


def _unlike(value: str) -> str:
    unlike = {"true": "false", "60": "9000"}
    return unlike.get(value, f"other-{value}")


def _looser(statements: Sequence[Json]) -> Iterator[tuple[str, list[Json]]]:
    """The statements with what they ask of one key taken away, from one of them or from all, or loosened in all."""
    keys = {key: None for each in statements for asked in each.get("Condition", {}).values() for key in asked}
    for key in keys:
        for what, change in _LOOSER.items():
            changed = [_changed(each, key, change) for each in statements]
            yield f"{key} {what}, everywhere", changed
            for index, each in enumerate(changed):
                if what == "gone" and len(statements) > 1 and each != statements[index]:
                    yield f"{key} {what}, in {index}", [*statements[:index], each, *statements[index + 1 :]]


def _changed(statement: Json, key: str, change: Change) -> Json:
    """A statement with what it asks of a key under another operator, with another value, or not at all."""
    condition: Json = {}
    for operator, asked in statement.get("Condition", {}).items():
        for each, value in asked.items():
            if found := change(operator, value) if each == key else (operator, value):
                condition.setdefault(found[0], {})[each] = found[1]
    return {**statement, "Condition": condition}


def _gone(*_: object) -> None:
    return None


def _of_any_value(operator: str, _: object) -> tuple[str, Any]:
    if operator.startswith("Numeric"):
        return operator, "100000"
    if operator in ("Bool", "Null"):
        return operator, ["true", "false"]
    if operator.startswith("Arn"):
        return operator, "arn:*:*:*:*:*"
    return operator.replace("StringEquals", "StringLike"), "*"


def _optional(operator: str, value: object) -> tuple[str, Any]:
    return operator if operator.endswith("IfExists") or operator == "Null" else f"{operator}IfExists", value


_LOOSER: Mapping[str, Change] = {"gone": _gone, "of any value": _of_any_value, "optional": _optional}


def test_an_entrance_that_takes_too_long_is_not_decided(
    templates_of: TemplatesOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the sets of the proof are too large to look through, the proof ends and is not proven."""
    source = ChainRole("111111111111", assumed_by=[Entrance.permission_set("DeployAccess")])
    chain = Chain("deploy", source=source, targets=[ChainRole("333333333333")])
    first, *others = templates_of(chain)
    body = copy.deepcopy(dict(first.body))
    (role,) = (each for each in body["Resources"].values() if each["Type"] == "AWS::IAM::Role")
    for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
        statement.setdefault("Condition", {})["StringLike"] = {"sts:RoleSessionName": "*-?"}
    monkeypatch.setattr(language, "STEPS", 0)
    monkeypatch.setattr(language, "FEW_STEPS", 0)
    assert not prove(chain, [replace(first, body=body), *others]).proven
