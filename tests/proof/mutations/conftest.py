"""Valid chains of any features, and callers that try their roles and know nothing of the proof."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from rolechain import Chain, ChainRole, Entrance, Hop, Quotas, SessionTag, SourceIdentity
from rolechain.policy import Callee, Caller, Policy, Request, decide
from rolechain.proof import Template
from rolechain.statements.builder import statements_for

Json = dict[str, Any]
OUTSIDER, OTHER_ORG, ORG = "999999999999", "o-otherother1", "o-exampleorg1"
OIDC = "arn:aws:iam::100000000000:oidc-provider/token.actions.githubusercontent.com"
USER = "arn:aws:iam::888888888888:user/ann"
UNIT = "r-ab12/ou-ab12-11111111"
ADMIN: Json = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ENTRANCES = [
    Entrance.service("lambda.amazonaws.com"),
    Entrance.account("777777777777"),
    Entrance.account("666666666666", external_id="vendor-7", third_party=True, iam_users=False),
    Entrance.arn("arn:aws:iam::888888888888:role/ci/runner"),
    Entrance.arn(USER, mfa=True, mfa_max_age=900),
    Entrance.oidc(OIDC, audience="sts.amazonaws.com", subject="repo:acme/app:ref:refs/heads/*"),
    Entrance.saml("arn:aws:iam::100000000000:saml-provider/okta"),
    Entrance.permission_set("DeployAccess"),
    Entrance.service("pods.eks.amazonaws.com", session_tags={"kubernetes-namespace": "team-a"}),
    Entrance.arn(
        "arn:aws:iam::888888888888:role/ci/tagger",
        session_tags={"Origin": "ci"},
        transitive_tag_keys="Origin",
    ),
]
HOPS: Json = {"Effect": "Allow", "Action": "sts:*", "Resource": "arn:aws:iam::*:role/rolechain/deploy-*"}
# What every next hop may pass through: narrower than any change of the roles' own policies.
LIMITS: list[Json] = [
    {},
    {"policy": {"Version": "2012-10-17", "Statement": HOPS}},
    {"policy": {"Statement": HOPS | {"Action": ["s3:*", "sts:A*", "sts:TagSession", "sts:SetSource*"]}}},
    {"policy_arns": "arn:aws:iam::aws:policy/AdministratorAccess"},
]
VALUES = [["apollo"], ["dev", "test-*"], []]
IDENTITIES = [
    SourceIdentity("deploy-bot"),
    SourceIdentity(["ann", "b*"]),
    SourceIdentity(),
    SourceIdentity(["ann", "bob"], required=False),
]


@st.composite
def _chains(draw: st.DrawFn, most_targets: int = 20) -> Chain:
    """A valid chain of 1 or 2 sources, 2 to 5 hops and 1 to 20 targets."""
    organization = draw(st.none() | st.just(ORG))
    external_ids = st.sampled_from(["ext-1", "jump/2", "third"])
    kinds: list[Any] = ["principal_arn", "role_arn", "account", *(["organization"] if organization else [])]
    entrances = draw(st.lists(st.sampled_from(ENTRANCES), min_size=1, unique=True))
    sources = [ChainRole("100000000000", "entry", assumed_by=entrances)]
    second = draw(st.sampled_from(["none", "own", "existing", "third party"]))
    if second != "none":
        entered = [Entrance.service("ec2.amazonaws.com")] if second == "own" else []
        sources.append(
            ChainRole(
                "200000000000",
                "second",
                assumed_by=entered,
                existing=second != "own",
                third_party=second == "third party",
            )
        )
    strange = second == "third party"
    identity = draw(st.none() | st.integers(0, 3))
    numbers = iter(range(1, 100))

    def role(**more: Any) -> ChainRole:
        number = next(numbers)
        first = strange and number == 1
        keys = draw(st.lists(st.sampled_from(["Team", "Stage", "Ticket"]), unique=True, max_size=2))
        # No two roles pass a tag of one key, so that none is inherited already.
        tags = [
            SessionTag(f"{key}{number}", draw(st.sampled_from(VALUES)), required=draw(st.booleans()))
            for key in keys
        ]
        return ChainRole(
            f"{100000000000 + number}",
            external_id=draw(external_ids if first else st.none() | external_ids),
            trust=draw(st.sampled_from(kinds[:2] if first else kinds)),
            session_tags=tags,
            transitive_tag_keys=[tag.key for tag in tags[:1] if draw(st.booleans())],
            source_identity=draw(st.sampled_from(IDENTITIES)) if number - 1 == identity else None,
            caller_organizational_units=[UNIT] if organization and not first and draw(st.booleans()) else [],
            **draw(st.sampled_from(LIMITS)),
            **more,
        )

    middle = [role() for _ in range(draw(st.integers(1, 4)))]
    targets = [role(existing=draw(st.booleans())) for _ in range(draw(st.integers(1, most_targets)))]
    quotas = Quotas(role_trust_policy_length=8192)
    return Chain(
        "deploy", organization=organization, source=sources, middle=middle, targets=targets, quotas=quotas
    )


@pytest.fixture(scope="session")
def chains() -> Callable[..., st.SearchStrategy[Chain]]:
    """Valid chains of any features, of so many targets at most."""
    return _chains


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def _is_strange(chain: Chain, arn: str) -> bool:
    return any(role.third_party for role in chain.roles if role.arn == arn)


def _some(values: tuple[str, ...]) -> str:
    return values[0].replace("*", "x") if values else "anything"


def _carrying(hop: Hop, tags: dict[str, str], transitive: list[str], identity: str | None) -> Json:
    """The keys of a call that passes tags and a source identity besides what it inherits."""
    keys: Json = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    keys |= {f"aws:PrincipalTag/{tag.key}": _some(tag.values) for tag in hop.inherited_tags}
    keys |= {
        "aws:TagKeys": list(tags),
        "sts:TransitiveTagKeys": [*transitive, *(tag.key for tag in hop.inherited_tags)],
        "sts:SourceIdentity": identity,
    }
    if hop.inherited_source_identity:
        keys["aws:SourceIdentity"] = _some(hop.inherited_source_identity.values)
    return {key: value for key, value in keys.items() if value}


def _usual(hop: Hop) -> Json:
    return dict(_sendings(hop))["usual"]


def _sendings(hop: Hop) -> list[tuple[str, Json]]:
    """What the declared caller may try to carry: as it should be, and changed in one thing."""
    role = hop.callee
    tags = {tag.key: _some(tag.values) for tag in role.tags}
    transitive, identity = (
        list(role.transitive_tag_keys),
        _some(role.identity.values) if role.identity else None,
    )
    tried: list[tuple[str, dict[str, str], list[str], str | None]] = [
        ("usual", tags, transitive, identity),
        ("nothing", {}, [], None),
    ]
    for tag in role.tags:
        others = {key: value for key, value in tags.items() if key != tag.key}
        kept = [key for key in transitive if key != tag.key]
        tried.append((f"no {tag.key}", others, kept, identity))
        tried.append((f"other {tag.key}", tags | {tag.key: "unheard of"}, transitive, identity))
        tried += [
            (f"{tag.key} as {value}", tags | {tag.key: value.replace("*", "y")}, transitive, identity)
            for value in tag.values
        ]
        turned = kept if tag.key in transitive else [*transitive, tag.key]
        tried.append((f"{tag.key} turned", tags, turned, identity))
    tried.append(("a tag more", tags | {"Admin": "yes"}, transitive, identity))
    tried += [(f"as {who}", tags, transitive, who) for who in ("eve", "bob", None)]
    return [(what, _carrying(hop, passed, kept, who)) for what, passed, kept, who in tried]


class Panel:
    """Callers that try every role of a chain, and the tokens of its identity providers."""

    def __init__(self, chain: Chain, templates: list[Template]) -> None:
        self._chain = chain
        self._trust: dict[str, Policy] = {}
        self._documents: dict[str, Json] = {}
        self._own: dict[str, list[Policy]] = {}
        by_account = {template.account: template.body["Resources"] for template in templates}
        for role in chain.roles:
            if role.existing:
                asked = statements_for(chain, role)
                document, hops = _document(asked["trust_policy"]), _document(asked["permissions"])
            else:
                resources = by_account[role.account]
                document = resources["Role0"]["Properties"]["AssumeRolePolicyDocument"]
                hops = resources.get("Hops0", {"Properties": {}})["Properties"].get("PolicyDocument")
            self._documents[role.arn], self._trust[role.arn] = document, Policy.parse(document)
            self._own[role.arn] = [Policy.parse(hops)] if hops and hops["Statement"] else []

    def _callers(self) -> Iterator[tuple[Caller, str, list[Policy]]]:
        admin = [Policy.parse(ADMIN)]
        for account in (*self._chain.accounts[:4], OUTSIDER, "666666666666", "777777777777", "888888888888"):
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
        yield Caller("user", USER, USER.split(":")[4]), USER, admin
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
            hops = {hop.caller.arn: hop for hop in self._chain.calls_into(role)}
            usual = _usual(next(iter(hops.values()))) if hops else {}
            for caller, arn, own in callers:
                strange = _is_strange(self._chain, arn)
                for organization in (self._chain.organization, OTHER_ORG, None):
                    for external_id in dict.fromkeys((role.external_id, "ext-1", "vendor-7", "wrong", None)):
                        known = {"aws:PrincipalOrgID": organization, "sts:ExternalId": external_id}
                        meant = arn in hops and external_id == role.external_id
                        at_home = organization == (None if strange else self._chain.organization)
                        # What a call carries is tried where the call itself is as it should be.
                        for what, sent in _sendings(hops[arn]) if meant and at_home else [("usual", usual)]:
                            if self._allowed(caller, arn, own, role, known | sent):
                                found.add((role.arn, caller.arn, str(organization), str(external_id), what))
        return found | {tuple(map(str, token)) for token in self._tokens(role_arn)}

    def _allowed(self, caller: Caller, arn: str, own: list[Policy], role: ChainRole, sent: Json) -> bool:
        context = {
            "aws:PrincipalArn": arn,
            "aws:PrincipalAccount": caller.account,
            "sts:RoleSessionName": "s",
            **sent,
        }
        if sent["aws:PrincipalOrgID"]:
            context["aws:PrincipalOrgPaths"] = [f"{sent['aws:PrincipalOrgID']}/{UNIT}/"]
        if caller.kind == "user":
            context |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "60"}
        tags = any(key.startswith(("aws:RequestTag/", "aws:PrincipalTag/")) for key in context)
        identity = any(key.endswith(":SourceIdentity") for key in context)
        actions = ["sts:AssumeRole", *["sts:TagSession"] * tags, *["sts:SetSourceIdentity"] * identity]
        request = Request(
            caller=caller,
            callee=Callee(role.arn, self._trust[role.arn]),
            context={key: value for key, value in context.items() if value},
            actions=actions,
            identity_policies=own,
        )
        return decide(request).allowed

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


@pytest.fixture(scope="session")
def panel() -> type[Panel]:
    """Callers that try every role of a chain."""
    return Panel
