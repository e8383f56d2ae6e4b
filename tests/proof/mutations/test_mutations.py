"""Every single change of a valid chain's policies that matters is reported, and no valid chain is.

What matters is decided by a panel of callers that knows nothing of the proof. ROLECHAIN_MUTATIONS sets how many
chains are tried; the default fits a run of all tests.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rolechain import Chain, ChainRole, Entrance
from rolechain.policy import Callee, Caller, Policy, Request, decide
from rolechain.proof import Template, prove
from rolechain.role import Trust

Json = dict[str, Any]
TemplatesOf = Callable[[Chain], list[Template]]

CHAINS = int(os.environ.get("ROLECHAIN_MUTATIONS", "16"))
OUTSIDER, OTHER_ORG = "999999999999", "o-otherother1"
OIDC = "arn:aws:iam::100000000000:oidc-provider/token.actions.githubusercontent.com"
ADMIN: Json = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ENTRANCES = [
    Entrance.service("lambda.amazonaws.com"),
    Entrance.account("777777777777"),
    Entrance.arn("arn:aws:iam::888888888888:role/ci/runner"),
    Entrance.oidc(OIDC, audience="sts.amazonaws.com", subject="repo:acme/app:ref:refs/heads/*"),
    Entrance.saml("arn:aws:iam::100000000000:saml-provider/okta"),
    Entrance.permission_set("DeployAccess"),
]

_all = settings(max_examples=CHAINS, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def chains(draw: st.DrawFn, most_targets: int = 20) -> Chain:
    """A valid chain of 2 to 5 hops into 1 to 20 targets."""
    external_ids = st.none() | st.sampled_from(["ext-1", "jump/2", "third"])
    trusts: st.SearchStrategy[Trust] = st.sampled_from(["principal_arn", "role_arn"])
    numbers = iter(range(1, 100))

    def role(**more: Any) -> ChainRole:
        account = f"{100000000000 + next(numbers)}"
        return ChainRole(account, external_id=draw(external_ids), trust=draw(trusts), **more)

    return Chain(
        "deploy",
        organization=draw(st.none() | st.just("o-exampleorg1")),
        source=ChainRole(
            "100000000000", assumed_by=draw(st.lists(st.sampled_from(ENTRANCES), min_size=1, unique=True))
        ),
        middle=[role() for _ in range(draw(st.integers(1, 4)))],
        targets=[role() for _ in range(draw(st.integers(1, most_targets)))],
    )


class Mutation(NamedTuple):
    """One change of one statement.

    Attributes:
        what: what it is called.
        role: the ARN of the role whose policy it changes.
        is_trust: whether that is its trust policy.
        templates: all templates, with the change.
    """

    what: str
    role: str
    is_trust: bool
    templates: list[Template]


def mutations(templates: list[Template], chain: Chain) -> Iterator[Mutation]:
    """Each single deletion or widening."""
    for number, template in enumerate(templates):
        (role,) = (role for role in chain.roles if role.account == template.account)
        for logical_id, resource in template.body["Resources"].items():
            is_trust = resource["Type"] == "AWS::IAM::Role"
            key = "AssumeRolePolicyDocument" if is_trust else "PolicyDocument"
            statements = resource["Properties"][key]["Statement"]
            edits = list(_trust_edits(chain) if is_trust else _permission_edits())
            for index, statement in enumerate(statements):
                for what, change in [*edits, *_condition_edits(statement)]:
                    changed = change(copy.deepcopy(statement))
                    if changed == statement:
                        continue
                    body = copy.deepcopy(dict(template.body))
                    listed = body["Resources"][logical_id]["Properties"][key]["Statement"]
                    listed[index : index + 1] = changed if isinstance(changed, list) else [changed]
                    mutated = [*templates[:number], replace(template, body=body), *templates[number + 1 :]]
                    yield Mutation(
                        f"{template.name} {logical_id} {index}: {what}", role.arn, is_trust, mutated
                    )


Edit = tuple[str, Callable[[Json], Json | list[Json]]]


def _allow(principal: Any, **more: Any) -> Json:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}


def _trust_edits(chain: Chain) -> Iterator[Edit]:
    root = f"arn:aws:iam::{OUTSIDER}:root"
    yield "drop the statement", lambda _: []
    yield "any principal", lambda s: s | {"Principal": "*"}
    yield "any AWS principal", lambda s: s | {"Principal": {"AWS": "*"}}
    yield "another account", lambda s: s | {"Principal": {"AWS": root}}
    yield "the target's role", lambda s: s | {"Principal": {"AWS": chain.targets[0].arn}}
    yield "the own account", lambda s: s | {"Principal": {"AWS": chain.middle[0].account_root}}
    yield "no condition", lambda s: {key: value for key, value in s.items() if key != "Condition"}
    yield "any STS action", lambda s: s | {"Action": "sts:*"}
    yield "another service too", lambda s: [s, _allow({"Service": "ec2.amazonaws.com"})]
    yield "another account too", lambda s: [s, _allow({"AWS": OUTSIDER})]
    yield "the source too", lambda s: [s, _allow({"AWS": chain.source.arn})]
    yield "the target too", lambda s: [s, _allow({"AWS": chain.targets[-1].account_root})]
    org = {"StringEquals": {"aws:PrincipalOrgID": chain.organization or OTHER_ORG}}
    yield "an organization too", lambda s: [s, _allow("*", Condition=org)]
    like = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/rolechain/*"}}
    yield "alike names too", lambda s: [s, _allow({"AWS": "*"}, Condition=like)]
    yield "a denial of everyone", lambda s: [s, _allow("*") | {"Effect": "Deny"}]


def _permission_edits() -> Iterator[Edit]:
    yield "drop the statement", lambda _: []
    yield "any resource", lambda s: s | {"Resource": "*"}
    yield "no such resource", lambda s: s | {"Resource": "arn:aws:iam::999999999999:role/none"}
    yield "a denial", lambda s: [s, s | {"Effect": "Deny"}]
    yield "another action", lambda s: s | {"Action": "sts:GetCallerIdentity"}
    yield "an address only", lambda s: s | {"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}


def _condition_edits(statement: Json) -> Iterator[Edit]:
    for operator, keys in statement.get("Condition", {}).items():
        for key in keys:

            def without(s: Json, operator: str = operator, key: str = key) -> Json:
                s["Condition"][operator].pop(key)
                return s

            def under(
                name: str, value: Any = None, operator: str = operator, key: str = key
            ) -> Callable[[Json], Json]:
                def change(s: Json) -> Json:
                    old = s["Condition"][operator].pop(key)
                    s["Condition"].setdefault(name, {})[key] = old if value is None else value
                    return s

                return change

            yield f"drop {key}", without
            yield f"{key} like *", under("StringLike", "*")
            yield f"{key} if it exists", under(f"{operator}IfExists")
            yield f"{key} of all values", under(f"ForAllValues:{operator}")
            yield f"{key} unlike", under(operator.replace("Equals", "NotEquals").replace("Like", "NotLike"))
            yield f"another {key}", under(operator, "arn:aws:iam::999999999999:role/other")
            yield f"more of {key}", under("StringLike", ["arn:aws:iam::*:role/*", "*o*", "repo:*"])


class Panel:
    """Callers that try every role of a chain, and the tokens of its identity providers."""

    def __init__(self, chain: Chain, templates: list[Template]) -> None:
        self._chain = chain
        self._trust: dict[str, Policy] = {}
        self._documents: dict[str, Json] = {}
        self._own: dict[str, list[Policy]] = {}
        for template in templates:
            roles = [role for role in chain.roles if role.account == template.account]
            for number, role in enumerate(roles):
                resources = template.body["Resources"]
                document = resources[f"Role{number}"]["Properties"]["AssumeRolePolicyDocument"]
                self._documents[role.arn], self._trust[role.arn] = document, Policy.parse(document)
                hops = resources.get(f"Hops{number}")
                self._own[role.arn] = [Policy.parse(hops["Properties"]["PolicyDocument"])] if hops else []

    def _callers(self) -> Iterator[tuple[Caller, str, list[Policy]]]:
        admin = [Policy.parse(ADMIN)]
        for account in (*self._chain.accounts[:4], OUTSIDER, "777777777777", "888888888888"):
            for name in ("admin", "rolechain/deploy-evil", "rolechain/deploy-middle"):
                arn = f"arn:aws:iam::{account}:role/{name}"
                if arn not in self._own:
                    yield self._session(arn), arn, admin
            user = f"arn:aws:iam::{account}:user/someone"
            yield Caller("user", user, account), user, admin
        for arn in (
            "arn:aws:iam::888888888888:role/ci/runner",
            f"{self._chain.source.arn.split(':role/')[0]}:role/aws-reserved/sso.amazonaws.com/"
            "AWSReservedSSO_DeployAccess_0123456789abcdef",
        ):
            yield self._session(arn), arn, admin
        for role in self._chain.roles:
            yield self._session(role.arn), role.arn, self._own[role.arn]
        for service in ("lambda.amazonaws.com", "ec2.amazonaws.com"):
            yield Caller("service", service), "", []

    @staticmethod
    def _session(arn: str) -> Caller:
        account, name = arn.split(":")[4], arn.rsplit("/", 1)[-1]
        return Caller("role-session", f"arn:aws:sts::{account}:assumed-role/{name}/s", account, arn)

    def admitted(self, role_arn: str, *, is_callee: bool) -> set[tuple[str, ...]]:
        """Every call of a role, or every call into it, that is allowed, as text."""
        callers = [each for each in self._callers() if is_callee or each[1] == role_arn]
        callees = [role for role in self._chain.roles if role.arn == role_arn or not is_callee]
        found: set[tuple[str, ...]] = set()
        for role in callees:
            for caller, arn, own in callers:
                for organization in (self._chain.organization, OTHER_ORG, None):
                    for external_id in dict.fromkeys((role.external_id, "ext-1", "wrong", None)):
                        context = {
                            "aws:PrincipalArn": arn,
                            "aws:PrincipalAccount": caller.account,
                            "aws:PrincipalOrgID": organization,
                            "sts:ExternalId": external_id,
                            "sts:RoleSessionName": "s",
                        }
                        request = Request(
                            caller=caller,
                            callee=Callee(role.arn, self._trust[role.arn]),
                            context={key: value for key, value in context.items() if value},
                            identity_policies=own,
                        )
                        if decide(request).allowed:
                            found.add((role.arn, caller.arn, str(organization), str(external_id)))
        return found | {tuple(map(str, token)) for token in self._tokens(role_arn)}

    def _tokens(self, arn: str) -> Iterator[tuple[str | None, ...]]:
        """Tokens are put to each statement as if a service named it: a trust policy of one kind of principal."""
        host = "token.actions.githubusercontent.com"
        for statement in self._documents[arn]["Statement"]:
            if not isinstance(statement["Principal"], dict) or "Federated" not in statement["Principal"]:
                continue
            served = statement | {"Principal": {"Service": "tokens"}, "Action": "sts:AssumeRole"}
            policy = Policy.parse({"Version": "2012-10-17", "Statement": [served]})
            for audience in ("sts.amazonaws.com", "https://signin.aws.amazon.com/saml", "other", None):
                for subject in ("repo:acme/app:ref:refs/heads/main", "repo:evil/x", "other", None):
                    keys = {f"{host}:aud": audience, f"{host}:sub": subject, "SAML:aud": audience}
                    request = Request(
                        caller=Caller("service", "tokens"),
                        callee=Callee(arn, policy),
                        context={key: value for key, value in keys.items() if value},
                    )
                    if decide(request).allowed:
                        yield str(statement["Principal"]), audience, subject


@_all
@given(chain=chains())
def test_no_valid_chain_raises_an_alarm(chain: Chain, templates_of: TemplatesOf) -> None:
    """A chain whose policies are those that it declares is proven, whatever it declares."""
    proof = prove(chain, templates_of(chain))
    assert proof.proven, [finding for finding in proof.findings if finding.level == "error"]
    assert all(entrance.declared for entrance in proof.entrances)


@settings(_all, max_examples=max(CHAINS // 8, 1))
@given(chain=chains(most_targets=2))
def test_every_change_that_matters_is_reported(chain: Chain, templates_of: TemplatesOf) -> None:
    """Whatever lets somebody else in, or keeps a declared caller out, fails the proof."""
    templates = templates_of(chain)
    before = Panel(chain, templates)
    admitted = {
        (role.arn, is_callee): before.admitted(role.arn, is_callee=is_callee)
        for role in chain.roles
        for is_callee in (True, False)
    }
    matter, missed = 0, []
    for change in mutations(templates, chain):
        after = Panel(chain, change.templates).admitted(change.role, is_callee=change.is_trust)
        if after == admitted[change.role, change.is_trust]:
            continue
        matter += 1
        if prove(chain, change.templates).proven:
            missed.append(change.what)
    assert missed == []
    assert matter > 20
