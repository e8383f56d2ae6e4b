"""Small inputs that are hard for whoever tries them value by value: how long their proof and audit take.

Each runs in a process of its own, so that one which does not end is stopped: ``python -m benchmarks.worst_inputs NAME``
prints the seconds of the proof and of the audit, and how many errors each found.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Level, Template, audit, prove
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]

ROOT = Path(__file__).parent.parent
SECONDS, MEMORY = 60, 2 * 1024**3
CHAIN = Chain(
    "deploy",
    source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    middle=[ChainRole("222222222222")],
    targets=[ChainRole("333333333333")],
)
ACCOUNTS = [f"4{number:011}" for number in range(40)]


def main() -> None:
    """Prints how long each takes."""
    for name in INPUTS:
        print(f"{name:48}{run(name) or f'not ended after {SECONDS} s'}")


def run(name: str, seconds: float = SECONDS) -> str | None:
    """What one prints, in a process of its own; None where it has not ended after so many seconds."""
    command = [sys.executable, "-m", "benchmarks.worst_inputs", name]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=True)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip()


def allow(condition: Json, principal: Any = "*", effect: str = "Allow") -> Json:
    """A statement of a trust policy."""
    return {"Effect": effect, "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition}


def templates(trust: list[Json], more: Json | None = None, conditions: Json | None = None) -> list[Template]:
    """The chain's templates, the middle role's with more statements, resources and conditions."""
    made, accounts = [], CHAIN.deployed_accounts
    for number, role in enumerate(CHAIN.roles):
        is_middle = role is CHAIN.middle[0]
        statements = trust_statements(CHAIN, role) + (trust if is_middle else [])
        properties: Json = {"RoleName": role.role, "Path": role.path}
        properties["AssumeRolePolicyDocument"] = _document(statements)
        if own := permission_statements(CHAIN, role):
            properties["Policies"] = [{"PolicyName": "hops", "PolicyDocument": _document(own)}]
        body: Json = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
        if is_middle:
            body["Resources"].update(more or {})
            body["Conditions"] = conditions or {}
        made.append(Template(role.account, body, role.account, dependencies=accounts[:number]))
    return made


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def patterns_of_accounts() -> list[Template]:
    """Forty patterns of forty accounts' ARNs, and those accounts as principals."""
    patterns = [f"arn:aws:iam::{account}:role/*-{account[-2:]}-*" for account in ACCOUNTS]
    return templates([allow({"ArnLike": {"aws:PrincipalArn": patterns}}, {"AWS": ACCOUNTS})])


def one_long_pattern() -> list[Template]:
    """A pattern of forty wildcards of either kind, taken away from everyone."""
    return templates([allow({"StringNotLike": {"aws:PrincipalArn": "*a?" * 40}})])


def forty_long_patterns() -> list[Template]:
    """Forty patterns of up to forty wildcards of either kind, all of which must match or none."""
    longer = ["*" + "a?*" * number for number in range(1, 41)]
    wanted = {"ForAllValues:StringLike": {"aws:PrincipalArn": longer[:1]}}
    return templates([allow({"StringNotLike": {"aws:PrincipalArn": longer[1:]}, **wanted})])


def sixteen_denies() -> list[Template]:
    """Everyone but for sixteen Denies of eight values each."""
    denies = []
    for number in range(16):
        names = [f"arn:aws:iam::*:role/*{number}*{other}?" for other in range(8)]
        keys = {"StringLike" if number % 2 else "StringNotLike": {"aws:PrincipalArn": names}}
        asked = {"StringNotEquals": {"aws:RequestedRegion": [f"xx-{number}-{other}" for other in range(8)]}}
        denies.append(allow(keys | asked, effect="Deny"))
    return templates([allow({"Null": {"aws:PrincipalArn": "false"}}), *denies])


def names_of_names() -> list[Template]:
    """Forty roles, each named twice after the next."""
    roles: Json = {}
    for number in range(40):
        following = {"Ref": f"R{number + 1}"}
        name: Any = {"Fn::Join": ["", [following, following]]} if number < 39 else "r"
        trust = _document([allow({}, {"Service": "ec2.amazonaws.com"})])
        properties = {"RoleName": name, "AssumeRolePolicyDocument": trust}
        roles[f"R{number}"] = {"Type": "AWS::IAM::Role", "Properties": properties}
    return templates([], roles)


def conditions_of_conditions() -> list[Template]:
    """A role behind forty conditions, each of which asks the next twice."""
    conditions: Json = {"C40": {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws"]}}
    for number in range(40):
        conditions[f"C{number}"] = {"Fn::And": [{"Condition": f"C{number + 1}"}] * 2}
    trust = _document([allow({}, {"Service": "ec2.amazonaws.com"})])
    role = {
        "Type": "AWS::IAM::Role",
        "Condition": "C0",
        "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": trust},
    }
    return templates([], {"R": role}, conditions)


def fifty_patterns_of_three_wildcards() -> list[Template]:
    """Whoever is like one of fifty patterns, each of which has letters of its own between wildcards."""
    patterns = [f"*a*{number}*b*{number % 7}*c*" for number in range(50)]
    return templates([allow({"StringLike": {"aws:PrincipalArn": patterns}})])


def permissions_of_sixty_patterns() -> list[Template]:
    """The middle role may assume roles like sixty patterns, but for three hundred others."""
    patterns = [f"arn:aws:iam::*:role/*a{number}*b*" for number in range(60)]
    statements: list[Json] = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": patterns}]
    for number in range(30):
        resources = [f"arn:aws:iam::{other}*:role/*{number}*" for other in range(10)]
        statements.append({"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": resources})
    properties = {"RoleName": "deploy-middle", "PolicyName": "p", "PolicyDocument": _document(statements)}
    return templates([], {"P": {"Type": "AWS::IAM::RolePolicy", "Properties": properties}})


def one_pattern_of_six_thousand() -> list[Template]:
    """A pattern of six thousand wildcards and letters."""
    return templates([allow({"StringLike": {"aws:PrincipalArn": "a*" * 3000}})])


def texts_of_texts() -> list[Template]:
    """A principal that is made of fifty texts, each of which is twice the next, all of them empty."""
    made: Any = ""
    for _ in range(50):
        made = {"Fn::Sub": ["${Next}${Next}", {"Next": made}]}
    return templates([allow({}, {"AWS": made})])


def exports_of_exports() -> list[Template]:
    """A principal that is imported, each of thirty exports being twice the next."""
    outputs: Json = {"O30": {"Value": "", "Export": {"Name": "e30"}}}
    for number in range(30):
        value = {"Fn::Join": ["", [{"Fn::ImportValue": f"e{number + 1}"}] * 2]}
        outputs[f"O{number}"] = {"Value": value, "Export": {"Name": f"e{number}"}}
    exporting = Template("x", {"Resources": {}, "Outputs": outputs}, "222222222222")
    return [*templates([allow({}, {"AWS": {"Fn::ImportValue": "e0"}})]), exporting]


def five_hundred_accounts() -> list[Template]:
    """Five hundred accounts that are let in and denied."""
    accounts = [f"{number:012}" for number in range(500)]
    return templates([allow({}, {"AWS": accounts}), allow({}, {"AWS": accounts}, effect="Deny")])


INPUTS: dict[str, Callable[[], list[Template]]] = {
    made.__name__.replace("_", "-"): made
    for made in (
        patterns_of_accounts,
        one_long_pattern,
        forty_long_patterns,
        sixteen_denies,
        names_of_names,
        conditions_of_conditions,
        fifty_patterns_of_three_wildcards,
        permissions_of_sixty_patterns,
        one_pattern_of_six_thousand,
        texts_of_texts,
        exports_of_exports,
        five_hundred_accounts,
    )
}


def _measure(name: str) -> None:
    if sys.platform == "linux":
        import resource

        # A text that doubles forty times must not take the machine's memory.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    made = INPUTS[name]()
    start = time.perf_counter()
    proof = prove(CHAIN, made)
    proven = time.perf_counter()
    found = audit(made)
    done = time.perf_counter()
    errors = [sum(each.level is Level.ERROR for each in said.findings) for said in (proof, found)]
    print(
        f"proof {proven - start:7.3f} s, {errors[0]} errors; audit {done - proven:7.3f} s, {errors[1]} errors"
    )


if __name__ == "__main__":
    _measure(sys.argv[1])
