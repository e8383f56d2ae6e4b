"""A solver and the proof are asked alike whether anybody gets in who is not declared.

Random statements of every operator stand in a trust policy beside those that a chain derives. Where z3 finds a request
that is let in and not declared, and the decision agrees, the proof must not say proven. Where there is none, whatever
the proof finds is a false alarm.

ROLECHAIN_Z3 sets how many cases are tried, ROLECHAIN_SEED which.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.policy import Callee, Caller, ContextValue, Policy, Request, decide
from rolechain.proof import Level, Proof, Template, prove
from rolechain.statements.builder import permission_statements, trust_statements

z3 = pytest.importorskip("z3", reason="z3-solver is not installed: make oracle")

from tests.oracle.z3_trust import Anybody, let_in  # noqa: E402

Json = dict[str, Any]
CASES = int(os.environ.get("ROLECHAIN_Z3", "500"))
PARTS = 4
SEED = os.environ.get("ROLECHAIN_SEED", "1")

ORG, SOURCE, MIDDLE = "o-exampleorg1", "111111111111", "222222222222"
CALLER = f"arn:aws:iam::{SOURCE}:role/rolechain/deploy-source"
ORDER = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
TEXT = [f"String{each}" for each in ("Equals", "NotEquals", "Like", "NotLike")]
TEXT += ["StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"]
ARN = ["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"]
ARNS = [
    CALLER,
    f"arn:aws:iam::{SOURCE}:role/*",
    "arn:aws:iam::*:role/rolechain/*",
    "arn:aws:iam::*:user/ops-*",
]
ARNS += [
    "arn:aws:iam::????????????:role/*source",
    f"arn:aws:iam::{SOURCE}:*",
    "arn:aws:iam::4444*:role/a????",
]
NUMBERS = ["10", "10.5", "11", "900"]
DATES = ["2026-11-27T00:00:00Z", "2026-11-27T12:00:00Z", "2026-11-27T12:00:01Z", "1795780801"]
IDENTITY: dict[str, tuple[list[str], list[str]]] = {
    "aws:PrincipalArn": (ARN + ARN + TEXT, ARNS),
    "aws:PrincipalAccount": (TEXT, [SOURCE, MIDDLE, "444444444444", "4*", "*4??????????", "????????????"]),
    "aws:PrincipalOrgID": (TEXT, [ORG, "o-exampleorg2", "o-example*", "o-*", "o-???????????"]),
    "aws:PrincipalOrgPaths": (TEXT, [f"{ORG}/*", f"{ORG}/r-ab12/*", "o-*/r-ab12/ou-ab12-1/*", "*"]),
    "aws:PrincipalType": (TEXT, ["AssumedRole", "User", "assumedrole", "*e*"]),
}
CHOSEN: dict[str, tuple[list[str], list[str]]] = {
    "aws:username": (TEXT, ["ops-*", "ops-ann", "ops-???", "*"]),
    "sts:ExternalId": (TEXT, ["jump-1", "JUMP-1", "jump-*", "${sts:RoleSessionName}"]),
    "sts:RoleSessionName": (
        TEXT,
        ["abc", "ABC", "a*", "a????", "${aws:PrincipalTag/team}", "${sts:ExternalId}"],
    ),
    "aws:PrincipalTag/team": (TEXT, ["abc", "a*", "*c", "a????", "a?c"]),
    "aws:RequestedRegion": (TEXT, ["us-east-1", "eu-*", "*-1"]),
    "aws:CurrentTime": ([f"Date{each}" for each in ORDER], DATES),
    "aws:EpochTime": ([f"Numeric{each}" for each in ORDER], ["1795780800", "1795780800.5", "1795780801"]),
    "aws:MultiFactorAuthAge": ([f"Numeric{each}" for each in ORDER], NUMBERS),
    "aws:MultiFactorAuthPresent": (["Bool"], ["true", "false"]),
    "aws:SecureTransport": (["Bool"], ["true", "false"]),
    "aws:SourceIp": (
        ["IpAddress", "NotIpAddress"],
        ["198.51.100.0/24", "198.51.100.0/32", "0.0.0.0/0", "0.0.0.0/1"],
    ),
}


@dataclass(frozen=True)
class Case:
    """A chain, and what stands in its middle role's trust policy beside the statements that it derives."""

    chain: Chain
    extra: list[Json]

    @property
    def declared(self) -> list[Json]:
        """The statements that the chain derives."""
        return trust_statements(self.chain, self.chain.middle[0])

    @property
    def is_plain(self) -> bool:
        """Whether everything extra is asked of who somebody is; what a service brings, no document says in full."""
        if any("Service" in each["Principal"] for each in self.extra):
            return False
        return {key for each in self.extra for keys in each["Condition"].values() for key in keys} <= set(
            IDENTITY
        )

    def prove(self) -> Proof:
        """The proof of the chain."""
        bodies = {role.account: _body(self.chain, role) for role in self.chain.roles}
        trust = bodies[MIDDLE]["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]
        trust["Statement"] += self.extra
        accounts = list(bodies)
        return prove(
            self.chain,
            [
                Template(account, body, account, dependencies=tuple(accounts[:number]))
                for number, (account, body) in enumerate(bodies.items())
            ],
        )


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def _body(chain: Chain, role: ChainRole) -> Json:
    own = {"PolicyName": "hops", "PolicyDocument": _document(permission_statements(chain, role))}
    properties = {
        "RoleName": role.role,
        "Path": role.path,
        "AssumeRolePolicyDocument": _document(trust_statements(chain, role)),
        "Policies": [own] if chain.calls_of(role) else [],
    }
    return {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}


def drawn(r: Random) -> Case:
    """One case."""
    plain, organization = r.random() < 0.5, r.choice([None, ORG, ORG])
    middle = ChainRole(
        MIDDLE, external_id=r.choice([None, "jump-1"]), trust=r.choice(["principal_arn", "account"])
    )
    source = ChainRole(SOURCE, assumed_by=[Entrance.service("lambda.amazonaws.com")])
    targets = [ChainRole("333333333333")]
    chain = Chain("deploy", organization=organization, source=source, middle=[middle], targets=targets)
    (derived,) = trust_statements(chain, chain.middle[0])
    allow: Json = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": _principal(r)}
    kept = {name: 0.1 if name.startswith("Arn") else 0.8 for name in derived["Condition"]}
    asked = {name: dict(derived["Condition"][name]) for name, share in kept.items() if r.random() < share}
    allow["Condition"] = asked
    for _ in range(r.randint(1, 4)):
        operator, key, values = _condition(r, plain=plain)
        asked.setdefault(operator, {}).setdefault(key, values)
    extra = [allow]
    for _ in range(r.choice([0, 0, 1, 2])):
        operator, key, values = _condition(r, plain=plain)
        denied = {operator: {key: values}} | (
            {"ArnNotEquals": {"aws:PrincipalArn": CALLER}} if r.random() < 0.7 else {}
        )
        extra.append({"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": "*", "Condition": denied})
    return Case(chain, extra)


def _principal(r: Random) -> Any:
    named = [
        SOURCE,
        f"arn:aws:iam::{SOURCE}:root",
        "444444444444",
        CALLER,
        f"arn:aws:iam::{SOURCE}:user/ops-ann",
    ]
    service = {"Service": "ec2.amazonaws.com"}
    return r.choice(["*", "*", {"AWS": "*"}, {"AWS": r.choice(named)}, {"AWS": r.sample(named, 2)}, service])


def _condition(r: Random, *, plain: bool) -> tuple[str, str, Any]:
    known = IDENTITY if plain else IDENTITY | CHOSEN
    key = r.choice(list(known))
    operators, pool = known[key]
    if r.random() < 0.05:
        return "Null", key, r.choice(["true", "false"])
    operator = r.choice(operators)
    if "Equals" in operator and operator not in ARN and r.random() < 0.8:
        pool = [value for value in pool if not set(value) & set("*?")] or pool
    values = r.sample(pool, r.choice([1, 1, 1, min(2, len(pool))]))
    if not operator.startswith("String"):
        values = values[:1] if operator == "Bool" else values
    quantifier = (
        r.choice(["ForAnyValue:", "ForAllValues:"]) if key.endswith("Paths") or r.random() < 0.1 else ""
    )
    # AWS does not say what ForAnyValue with IfExists makes of a key that is not there.
    if_exists = "IfExists" if r.random() < 0.15 and quantifier != "ForAnyValue:" else ""
    if any(value.startswith("${") for value in values):
        operator, quantifier = r.choice(["StringEquals", "StringNotEquals"]), ""
    return f"{quantifier}{operator}{if_exists}", key, values


def _undeclared(case: Case) -> tuple[str, tuple[Caller, dict[str, ContextValue]] | None]:
    """Whether a request gets in that is not declared, and one that does."""
    answers = set()
    for kind in ("role", "user", "service"):
        anybody = Anybody(kind)
        is_let_in, is_declared = (
            let_in(anybody, statements) for statements in ([*case.declared, *case.extra], case.declared)
        )
        answer, found = anybody.find(is_let_in, z3.Not(is_declared), *_others(case.chain, anybody))
        if found:
            return answer, found
        answers.add(answer)
    return "unknown" if "unknown" in answers else "unsat", None


def _others(chain: Chain, anybody: Anybody) -> Iterator[Any]:
    """Nobody is another role of the chain: what those may assume is asked elsewhere.

    An account of the chain may be in any organization: the proof does not count on a declared membership either.
    """
    for role in chain.roles:
        if role.arn != CALLER:
            yield z3.Not(anybody.is_in("arn", z3.Re(role.arn)))


def _is_let_in(caller: Caller, keys: dict[str, ContextValue], statements: list[Json]) -> bool:
    own = [Policy.parse(_document([{"Effect": "Allow", "Action": "*", "Resource": "*"}]))]
    callee = Callee(
        f"arn:aws:iam::{MIDDLE}:role/rolechain/deploy-middle", Policy.parse(_document(statements))
    )
    return decide(Request(caller, callee, keys, identity_policies=own)).allowed


@pytest.mark.parametrize("part", range(PARTS))
def test_nobody_whom_the_solver_finds_is_called_kept_out(part: int) -> None:
    """Where z3 finds somebody undeclared, the proof does; where it shows that there is nobody, the proof is silent."""
    tally: Counter[str] = Counter()
    missed, misread, alarms = [], [], []
    numbers = range(part, CASES, PARTS)
    for number in numbers:
        case = drawn(Random(f"{SEED}/{number}"))  # noqa: S311
        answer, found = _undeclared(case)
        proof = case.prove()
        errors = {each.rule for each in proof.findings if each.level is Level.ERROR and each.place}
        told = f"ROLECHAIN_SEED={SEED}, number {number}: {case.declared}, {case.extra}; let in: {found}"
        tally[answer] += 1
        if found:
            declared, whole = case.declared, [*case.declared, *case.extra]
            # A declared caller without what the chain asks of it breaks another rule.
            rules = {"RC05", "RC00", "RC35"}
            if _is_let_in(*found, declared) or not _is_let_in(*found, whole):
                misread.append(told)
            elif not errors & rules:
                missed.append(told)
                tally["proven" if proof.proven else "refused for another reason"] += 1
        elif answer == "unsat":
            tally["proven, and nobody"] += proof.proven
            if "RC05" in errors:
                alarms.append((case.is_plain, told))
    plain = [told for is_plain, told in alarms if is_plain]
    print(
        f"{len(numbers)} cases of seed {SEED}: {dict(tally)}, {len(missed)} missed, {len(misread)} misread,"
    )
    print(f"{len(alarms)} false alarms, {len(plain)} of them about who somebody is")
    assert misread == [], f"{len(misread)} decided otherwise; the first: " + "\n".join(misread[:3])
    assert missed == [], f"{len(missed)} missed; the first: " + "\n".join(missed[:3])
    assert plain == [], f"{len(plain)} false alarms; the first: " + "\n".join(plain[:3])
    assert min(tally["sat"], tally["unsat"]) > len(numbers) // 10, tally
    assert tally["unknown"] <= len(numbers) // 20, tally
