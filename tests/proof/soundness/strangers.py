"""Strangers: whom a chain does not declare, each drawn as one request that somebody can make.

A request is drawn first, with every key that AWS gives a caller of its kind. Who makes it, and what its keys may hold
at once, follow "AWS global condition context keys" of the IAM User Guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

from rolechain import Chain, ChainRole
from rolechain.policy import Callee, Caller, ContextValue, Policy, Request, decide
from rolechain.statements.builder import trust_statements

Json = dict[str, Any]
Keys = dict[str, ContextValue]

ORG, OTHER_ORG = "o-exampleorg1", "o-otherother1"
UNIT = "r-ab12/ou-ab12-11111111"
GITHUB = "token.actions.githubusercontent.com"
EVERYTHING: Json = {"Effect": "Allow", "Action": "*", "Resource": "*"}
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-2"]
NAMES = ["ops-ann", "app", "deploy-evil", "deploy-middle", "abcd", "Runner", "x"]
SSO = "aws-reserved/sso.amazonaws.com/eu-west-1/"
SERVICES = ["ec2.amazonaws.com", "lambda.amazonaws.com", "ecs-tasks.amazonaws.com", "pods.eks.amazonaws.com"]


@dataclass(frozen=True)
class Stranger:
    """One request.

    Attributes:
        caller: who makes it; for a token, a service that stands in for its provider.
        keys: its condition keys.
        action: the action that lets it in.
        provider: for a token, the identity provider.
    """

    caller: Caller
    keys: Keys
    action: str = "sts:AssumeRole"
    provider: str | None = None

    @property
    def actions(self) -> list[str]:
        """Every action that the request uses."""
        tags, identity = "aws:TagKeys" in self.keys, "sts:SourceIdentity" in self.keys
        return [self.action, *["sts:TagSession"] * tags, *["sts:SetSourceIdentity"] * identity]

    def is_let_in(self, arn: str, trust: Sequence[Json]) -> bool:
        """Whether a role with these statements lets the request in; the caller's own side allows everything."""
        statements = [self._served(statement) for statement in trust]
        callee = Callee(arn, Policy.parse(document(statements)))
        own = [Policy.parse(document([EVERYTHING]))]
        return decide(Request(self.caller, callee, self.keys, self.actions, own)).allowed

    def _served(self, statement: Json) -> Json:
        """The decision knows no tokens: a provider is put to it as a service of its own name."""
        principal = statement["Principal"]
        if not isinstance(principal, dict) or "Federated" not in principal:
            return statement
        return statement | {"Principal": {"Service": principal["Federated"]}}


def document(statements: Iterable[Json]) -> Json:
    """A policy document of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def text(r: Random, characters: str = ascii_lowercase + digits, least: int = 1, most: int = 12) -> str:
    """Any text."""
    return "".join(r.choices(characters, k=r.randint(least, most)))


def stranger(r: Random, chain: Chain, role: ChainRole) -> Stranger:
    """Anybody's request to assume a role, declared or not."""
    kind = r.choice([*["role"] * 6, *["user"] * 4, "service", "oidc", "saml", "declared"])
    if kind == "service":
        return _service(r, chain)
    if kind in ("oidc", "saml"):
        return _token(r, chain, kind)
    callers = [hop.caller for hop in chain.calls_into(role)]
    if kind == "declared" and callers:
        return _session(r, chain, callers[0].account, callers[0].arn, plain=True)
    account = r.choice([text(r, digits, 12, 12), text(r, digits, 12, 12), "999999999999", *chain.accounts])
    name = f"{r.choice(['', '', 'app/', 'rolechain/'])}{_name(r)}"
    if kind == "role" and r.random() < 0.15:
        name = f"{SSO}AWSReservedSSO_{_name(r)}_{text(r, '0123456789abcdef', 16, 16)}"
    arn = f"arn:aws:iam::{account}:{kind if kind == 'user' else 'role'}/{name}"
    if any(arn == each.arn for each in chain.roles):
        arn += "x"
    return _user(r, chain, account, arn) if kind == "user" else _session(r, chain, account, arn)


def moment(r: Random, *, network: bool = True) -> Keys:
    """What the moment brings, and where the request comes from."""
    epoch = r.randint(1795000000, 1900000000)
    keys: Keys = {
        "aws:CurrentTime": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(epoch),
        "aws:SecureTransport": "true",
        "aws:UserAgent": r.choice(["Boto3/1.40", "aws-cli/2.31 Python/3.13", "curl"]),
        "aws:RequestedRegion": r.choice(REGIONS),
    }
    if not network:
        return keys
    address = ".".join(str(r.randint(1, 254)) for _ in range(4))
    if r.random() < 0.2:
        return keys | {
            "aws:VpcSourceIp": f"10.{r.randint(0, 254)}.0.{r.randint(1, 254)}",
            "aws:SourceVpc": f"vpc-{text(r, '0123456789abcdef', 8, 8)}",
            "aws:SourceVpce": f"vpce-{text(r, '0123456789abcdef', 8, 8)}",
        }
    return keys | {"aws:SourceIp": address if r.random() < 0.8 else f"2001:db8::{r.randint(1, 9999)}"}


def home(r: Random, chain: Chain, account: str, prefix: str = "aws:Principal") -> Keys:
    """The organization that an account belongs to, if any; a chain's own belong to the chain's, third parties not."""
    organization = r.choice([None, OTHER_ORG, ORG])
    if any(role.third_party for role in chain.roles if role.account == account):
        organization = r.choice([None, OTHER_ORG])
    elif chain.organization and account in chain.accounts:
        organization = chain.organization
    if organization is None:
        return {}
    unit = r.choice([UNIT, "r-ab12/ou-ab12-22222222", "r-zz99"])
    return {f"{prefix}OrgID": organization, f"{prefix}OrgPaths": [f"{organization}/{unit}/"]}


def without_guards(statements: Sequence[Json]) -> list[Json]:
    """Statements of a chain that ask for nothing but who somebody is."""
    return [
        each
        | {"Condition": {name: keys for name, keys in each.get("Condition", {}).items() if "Arn" in name}}
        for each in statements
    ]


def guarded(r: Random, chain: Chain, role: ChainRole, somebody: Stranger) -> tuple[Stranger, Json]:
    """More often than not, a stranger who brings all that a hop into a role asks for, with the conditions that ask."""
    third_parties = {each.account for each in chain.roles if each.third_party}
    if not chain.calls_into(role) or somebody.caller.account in {"", *third_parties} or r.random() < 0.2:
        return somebody, {}
    asked = trust_statements(chain, role)[0].get("Condition", {})
    asked = {name: dict(keys) for name, keys in asked.items() if not name.startswith("Arn")}
    brought: Keys = dict(asked.get("StringEquals", {}))
    if "aws:PrincipalOrgID" in brought:
        brought["aws:PrincipalOrgPaths"] = [f"{chain.organization}/{UNIT}/"]
    if tags := [key.split("/")[1] for key in brought if key.startswith("aws:RequestTag/")]:
        brought["aws:TagKeys"] = tags
    return replace(somebody, keys=somebody.keys | brought), asked


def _name(r: Random) -> str:
    return r.choice(NAMES) + r.choice(["", "", text(r, most=4)])


def _chosen(r: Random, chain: Chain, *, plain: bool) -> Keys:
    """What a caller of AssumeRole writes into its call."""
    external_ids = [role.external_id for role in chain.roles if role.external_id]
    keys: Keys = {"sts:RoleSessionName": r.choice(["ops-1", "ann", "abc", text(r, most=8)])}
    if r.random() < 0.6:
        keys["sts:ExternalId"] = r.choice([*external_ids, "abc", text(r, most=8)])
    if r.random() < 0.3:
        keys["sts:DurationSeconds"] = r.choice(["900", "3600"])
    if not plain and r.random() < 0.2:
        tags = {key: r.choice(["apollo", "10.25", text(r)]) for key in r.sample(["Team", "Stage", "Cost"], 2)}
        keys |= {f"aws:RequestTag/{key}": value for key, value in tags.items()} | {"aws:TagKeys": list(tags)}
        if r.random() < 0.5:
            keys["sts:TransitiveTagKeys"] = list(tags)[:1]
    if not plain and r.random() < 0.1:
        keys["sts:SourceIdentity"] = _name(r)
    return keys


def _principal(r: Random, chain: Chain, account: str, arn: str, kind: str) -> Keys:
    tags = {"team": r.choice(["apollo", text(r)]), "cost": r.choice(["10.25", "7"]), "bin": "QUJD"}
    return {
        "aws:PrincipalArn": arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalType": kind,
        "aws:PrincipalIsAWSService": "false",
        **{f"aws:PrincipalTag/{key}": value for key, value in tags.items() if r.random() < 0.4},
        **home(r, chain, account),
    }


def _session(r: Random, chain: Chain, account: str, arn: str, *, plain: bool = False) -> Stranger:
    name, unique = r.choice(["ops-2", "ci", text(r, least=2)]), "AROA" + text(r, ascii_uppercase, 16, 16)
    session = f"arn:aws:sts::{account}:assumed-role/{arn.rsplit('/', 1)[-1]}/{name}"
    keys = _principal(r, chain, account, arn, "AssumedRole") | moment(r) | _chosen(r, chain, plain=plain)
    keys |= {"aws:userid": f"{unique}:{name}", "aws:TokenIssueTime": "2026-11-27T06:00:00Z"}
    return Stranger(Caller("role-session", session, account, arn, unique), keys)


def _user(r: Random, chain: Chain, account: str, arn: str) -> Stranger:
    unique = "AIDA" + text(r, ascii_uppercase, 16, 16)
    keys = _principal(r, chain, account, arn, "User") | moment(r) | _chosen(r, chain, plain=False)
    keys |= {"aws:userid": unique, "aws:username": arn.rsplit("/", 1)[-1]}
    if r.random() < 0.5:
        keys |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": str(r.randint(1, 5000))}
    return Stranger(Caller("user", arn, account, unique_id=unique), keys)


def _service(r: Random, chain: Chain) -> Stranger:
    service, account = r.choice(SERVICES), r.choice([text(r, digits, 12, 12), *chain.accounts])
    keys: Keys = {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": service}
    keys |= moment(r, network=False) | {"sts:RoleSessionName": text(r, least=2)}
    if r.random() < 0.5:
        keys |= {
            "aws:SourceAccount": account,
            "aws:SourceArn": f"arn:aws:lambda:us-east-1:{account}:function:f",
        }
    return Stranger(Caller("service", service), keys)


def _token(r: Random, chain: Chain, kind: str) -> Stranger:
    account = chain.source.account
    keys: Keys = moment(r) | {"sts:RoleSessionName": text(r, least=2)}
    if kind == "saml":
        provider = f"arn:aws:iam::{account}:saml-provider/{r.choice(['okta', 'adfs'])}"
        keys |= {
            "SAML:aud": r.choice(["https://signin.aws.amazon.com/saml", "https://elsewhere.example/saml"]),
            "SAML:iss": f"https://idp.example/{text(r)}",
            "SAML:sub": text(r),
            "SAML:sub_type": r.choice(["persistent", "transient"]),
            "SAML:eduPersonAffiliation": r.choice([["staff"], ["staff", "student"]]),
        }
        action = "sts:AssumeRoleWithSAML"
    else:
        host = r.choice(
            [GITHUB, "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF", "accounts.google.com"]
        )
        provider, action = f"arn:aws:iam::{account}:oidc-provider/{host}", "sts:AssumeRoleWithWebIdentity"
        keys |= {
            f"{host}:aud": r.choice(["sts.amazonaws.com", "other", text(r)]),
            f"{host}:sub": r.choice(
                ["repo:evil/x:ref:refs/heads/main", "repo:acme/app:pull_request", text(r)]
            ),
        }
        if r.random() < 0.3:
            keys[f"{host}:amr"] = ["authenticated", host]
    return Stranger(Caller("service", provider), keys, action, provider)


def single(keys: Mapping[str, ContextValue]) -> dict[str, str]:
    """The keys that hold one value, with it."""
    return {key: value for key, value in keys.items() if isinstance(value, str)}
