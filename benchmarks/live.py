"""The proof of a chain from a saved organization: how reading, proving and memory grow with the accounts.

Each account holds 100 roles and has one of the chain's. Each size runs in a process of its own, whose time and peak
memory are told; ``python -m benchmarks.live 1000`` measures one size.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rolechain import Chain, ChainRole, Entrance
from rolechain.live import Account, Organization, load_accounts, prove_live, save_accounts
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]

ROOT = Path(__file__).parent.parent
ACCOUNTS, ROLES = (100, 300), 100
_MEBIBYTE = 2**20 if sys.platform == "darwin" else 2**10


def main() -> None:
    """Prints the measurements of each size."""
    print("accounts    roles      read      proof   a role  peak memory  findings")
    for count in ACCOUNTS:
        command = [sys.executable, "-m", "benchmarks.live", str(count)]
        subprocess.run(command, cwd=ROOT, check=True)


def measure(count: int) -> None:
    """Prints how long the files of so many accounts take to be read and proven, and the peak memory."""
    chain = _chain([f"{100000000000 + number}" for number in range(count)])
    with tempfile.TemporaryDirectory(prefix="rolechain-bench-") as folder:
        for account in chain.accounts:
            save_accounts(Path(folder), [_account(chain, account)])
        start = time.process_time()
        accounts = load_accounts(Path(folder))
        read = time.process_time()
        above = {account.id: ("r-root", account.id) for account in accounts}
        organization = Organization("o-exampleorg1", "000000000000", above)
        proof = prove_live(chain, accounts, organization=organization)
        proven = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEBIBYTE
    roles = sum(len(account.details["RoleDetailList"]) for account in accounts)
    found = ", ".join(sorted({finding.rule for finding in proof.findings})) or "none"
    took = proven - read
    print(
        f"{count:8,} {roles:8,} {read - start:7.2f} s  {took:7.2f} s  {took / roles * 1e6:4.0f} µs  "
        f"{peak:7,.0f} MiB  {found}",
        flush=True,
    )


def _chain(accounts: list[str]) -> Chain:
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole(accounts[0], assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole(accounts[1])],
        targets=[ChainRole(account) for account in accounts[2:]],
        administrators=["arn:aws:iam::*:role/admin"],
    )


def _account(chain: Chain, account: str) -> Account:
    """The chain's roles, an administrator, and roles of services, of the account, of the next one and of pipelines."""
    own = [role for role in chain.roles if role.account == account]
    roles = [
        _role(
            account, role.role, role.path, trust_statements(chain, role), permission_statements(chain, role)
        )
        for role in own
    ]
    trusted: Json = {"AWS": f"arn:aws:iam::{chain.accounts[0]}:root"}
    admin = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    roles.append(_role(account, "admin", "/", [_trust(trusted)], [admin]))
    neighbour = chain.accounts[(chain.accounts.index(account) + 1) % len(chain.accounts)]
    provider = f"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"
    issuer = provider.partition("/")[2]
    for number in range(ROLES - len(roles)):
        name = f"application-{number}"
        trust = (
            _trust({"Service": "lambda.amazonaws.com"}),
            _trust({"AWS": f"arn:aws:iam::{account}:role/admin"}),
            _trust({"AWS": f"arn:aws:iam::{neighbour}:root"}, {"StringEquals": {"sts:ExternalId": name}}),
            _trust(
                {"Federated": provider},
                {
                    "StringEquals": {
                        f"{issuer}:aud": "sts.amazonaws.com",
                        f"{issuer}:sub": f"repo:a/{name}:ref:x",
                    }
                },
                "sts:AssumeRoleWithWebIdentity",
            ),
        )[number % 4]
        use = {"Effect": "Allow", "Action": ["s3:GetObject", "sqs:*"], "Resource": f"arn:aws:s3:::{name}/*"}
        call = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": f"arn:aws:iam::{neighbour}:role/{name}",
        }
        roles.append(_role(account, name, "/", [trust], [use, call] if number % 5 == 0 else [use]))
    details = {"RoleDetailList": roles, "UserDetailList": [], "GroupDetailList": [], "Policies": []}
    return Account(account, details, {}, (provider,))


def _role(account: str, name: str, path: str, trust: list[Json], permissions: list[Json]) -> Json:
    return {
        "RoleName": name,
        "Path": path,
        "Arn": f"arn:aws:iam::{account}:role{path}{name}",
        "AssumeRolePolicyDocument": _document(trust),
        "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": _document(permissions)}]
        if permissions
        else [],
    }


def _trust(principal: Json, condition: Json | None = None, action: str = "sts:AssumeRole") -> Json:
    return {"Effect": "Allow", "Action": action, "Principal": principal} | (
        {"Condition": condition} if condition else {}
    )


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


if __name__ == "__main__":
    measure(int(sys.argv[1]))
