"""Writes the CloudTrail log files of made-up organizations, with walks that are planted among the noise.

``python -m tests.trail.organizations FOLDER ACCOUNTS`` writes one; the same seed gives the same files. The records have
the fields of the CloudTrail User Guide, "CloudTrail userIdentity element", and of the IAM User Guide, "Logging IAM and
AWS STS API calls with AWS CloudTrail", examples of STS.
"""

from __future__ import annotations

import gzip
import json
import random
import string
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

from rolechain.iam.arn import account_of, name_of, session_arn
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole

Record = dict[str, Any]
START = datetime(2026, 11, 1, 8, tzinfo=UTC)
TOKEN = "FwoGZXIvYXdzEXAMPLETOKEN"
"""What every session token begins with; none may reach an output."""
GITHUB, IDP = "token.actions.githubusercontent.com", "corporate"


@dataclass
class Organization:
    """An organization of some accounts, its chain, its records, and what a trace of them has to find.

    Attributes:
        records: each record with the account in whose log it is.
        walks: the planted walks: verdict, person, roles in order, calls at the end, and the last session.
        refused: the planted attempts: caller and role.
    """

    size: int
    seed: int
    records: list[tuple[str, Record]] = field(default_factory=list)
    walks: set[tuple[str, str, tuple[str, ...], int, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - no secrets
        self._now = START
        self.accounts = [f"{100_000_000_001 + self.seed * 7919 + 3 * at}" for at in range(self.size)]
        a = self.accounts
        self.alice = f"arn:aws:iam::{a[8]}:user/people/alice"
        self.github = f"arn:aws:iam::{a[0]}:oidc-provider/{GITHUB}"
        self.saml = f"arn:aws:iam::{a[0]}:saml-provider/{IDP}"
        source = ChainRole(
            a[0],
            assumed_by=[
                Entrance.service("lambda.amazonaws.com"),
                Entrance.arn(self.alice, mfa=True, source_identity=["alice"]),
                Entrance.oidc(self.github, audience="sts.amazonaws.com", subject="repo:example/app:*"),
                Entrance.saml(self.saml),
                Entrance.permission_set("Operator"),
                Entrance.account(a[7], third_party=True, external_id="vendor-1234"),
            ],
        )
        self.chain = Chain(
            "audit",
            source=source,
            middle=[ChainRole(a[1], external_id="hop-1234"), ChainRole(a[2], session_tags={"Team": ["red"]})],
            targets=[ChainRole(each, permissions=()) for each in a[3:6]],
        )
        self.roles = [role.arn for role in self.chain.roles]
        self._plant()
        self._noise()
        self._random.shuffle(self.records)

    def key(self, kind: str = "ASIA") -> str:
        """An access key id that does not exist."""
        return kind + "".join(self._random.choices(string.ascii_uppercase + "234567", k=16))

    def event(self, account: str, identity: Mapping[str, Any], name: str, **more: Any) -> Record:
        """Adds a call of a service, such as ``s3:GetBucketAcl``, to the log of an account."""
        service, _, operation = name.partition(":")
        self._now += timedelta(seconds=1)
        record: Record = {
            "eventVersion": "1.08",
            "userIdentity": dict(identity),
            "eventTime": f"{self._now:%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": f"{service}.amazonaws.com",
            "eventName": operation,
            "awsRegion": "us-east-1",
            "sourceIPAddress": f"203.0.113.{self._random.randrange(1, 255)}",
            "userAgent": "Boto3/1.43.106",
            "requestParameters": None,
            "responseElements": None,
            "requestID": self._uuid(),
            "eventID": self._uuid(),
            "eventType": "AwsApiCall",
            "recipientAccountId": account,
            **more,
        }
        self.records.append((account, record))
        return record

    def assume(
        self,
        identity: Mapping[str, Any],
        role: str,
        name: str,
        *,
        operation: str = "AssumeRole",
        copies: str = "both",
        answer: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Adds an AssumeRole that was allowed; returns the identity of the session."""
        key, account = self.key(), account_of(role)
        arn, unique_id = session_arn(role, name), f"AROA{crc32(role.encode()):017d}"
        more: Record = {
            "requestParameters": {"roleArn": role, "roleSessionName": name, **parameters},
            "responseElements": {
                "credentials": {
                    "accessKeyId": key,
                    "sessionToken": TOKEN + self.key(""),
                    "expiration": "Nov 1, 2026, 9:00:00 AM",
                },
                "assumedRoleUser": {"assumedRoleId": f"{unique_id}:{name}", "arn": arn},
                **(answer or {}),
            },
            "sharedEventID": self._uuid(),
        }
        own = identity.get("accountId", account)
        if copies != "callee" or own == account:
            self.event(own, identity, f"sts:{operation}", **more)
        if copies != "caller" and own != account:
            other = {"type": "AWSAccount", "principalId": identity.get("principalId"), "accountId": own}
            if self._random.random() < 0.5:
                other["invokedBy"] = "cloudformation.amazonaws.com"
            self.event(account, other, f"sts:{operation}", **more)
        return session_identity(role, name, key, unique_id)

    def refuse(self, identity: Mapping[str, Any], role: str, **more: Any) -> None:
        """Adds an AssumeRole that was refused, which CloudTrail has in the caller's account alone."""
        text = f"User: {identity['arn']} is not authorized to perform: sts:AssumeRole on resource: {role}"
        self.event(
            identity["accountId"],
            identity,
            "sts:AssumeRole",
            errorCode="AccessDenied",
            errorMessage=text,
            **more,
        )
        self.refused.add((identity["arn"], role))

    def use(self, identity: Mapping[str, Any], calls: int) -> None:
        """Adds calls of a session."""
        for _ in range(calls):
            name = self._random.choice(["s3:GetBucketAcl", "ec2:DescribeInstances", "ssm:GetParameter"])
            address = self._random.choice(["203.0.113.7", "AWS Internal", "cloudformation.amazonaws.com"])
            self.event(identity["accountId"], identity, name, sourceIPAddress=address)

    def follow(
        self, session: dict[str, Any], *, target: int = 3, name: str = "s", **more: Any
    ) -> dict[str, Any]:
        """Walks from a session of the source to a target, as is declared."""
        first = self.assume(session, self.roles[1], name, externalId="hop-1234", **more)
        second = self.assume(first, self.roles[2], name, tags=[{"key": "Team", "value": "red"}], **more)
        return self.assume(second, self.roles[target], name, **more)

    def expect(
        self, verdict: str, person: str, last: dict[str, Any], path: Iterable[str], calls: int
    ) -> None:
        """Has the last session make calls, and notes the walk."""
        self.use(last, calls)
        self.walks.add((verdict, person, tuple(path), calls, last["accessKeyId"]))

    def _plant(self) -> None:
        source, first, second, *targets = self.roles
        service = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
        alice = self.user("alice", self.accounts[8], path="people/")
        mfa = {"serialNumber": f"arn:aws:iam::{self.accounts[8]}:mfa/alice", "sourceIdentity": "alice"}
        subject = "repo:example/app:ref:refs/heads/main"
        web = {
            "type": "WebIdentityUser",
            "principalId": f"{self.github}:sts.amazonaws.com:{subject}",
            "userName": subject,
            "identityProvider": self.github,
        }
        token = {
            "provider": self.github,
            "audience": "sts.amazonaws.com",
            "subjectFromWebIdentityToken": subject,
        }
        saml = {
            "type": "SAMLUser",
            "principalId": "bdGOnT=:bob",
            "userName": "bob",
            "identityProvider": "bdGOnT=",
        }
        reserved = "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Operator_0123456789abcdef"
        sso = f"arn:aws:iam::{self.accounts[0]}:{reserved}"
        carol = session_identity(sso, "carol@example.com", self.key(), "AROASSO")
        vendor = session_identity(f"arn:aws:iam::{self.accounts[7]}:role/scan", "job", self.key(), "AROASCAN")
        whole = [source, first, second]

        # Declared, by each entrance; the last of them with two targets from one session of the source.
        entered = self.assume(service, source, "fn")
        self.expect("declared", "lambda.amazonaws.com", self.follow(entered), [*whole, targets[0]], 5)
        entered = self.assume(alice, source, "alice-cli", answer={"sourceIdentity": "alice"}, **mfa)
        given: dict[str, Any] = {"answer": {"sourceIdentity": "alice"}}
        self.expect("declared", "alice", self.follow(entered, target=4, **given), [*whole, targets[1]], 2)
        entered = self.assume(web, source, "ci", operation="AssumeRoleWithWebIdentity", answer=token)
        self.expect("declared", subject, self.follow(entered), [*whole, targets[0]], 3)
        entered = self.assume(
            saml,
            source,
            "bob",
            operation="AssumeRoleWithSAML",
            answer={"audience": "https://signin.aws.amazon.com/saml"},
            principalArn=self.saml,
        )
        self.expect("declared", "bdGOnT=:bob", self.follow(entered), [*whole, targets[0]], 0)
        entered = self.assume(carol, source, "carol")
        self.expect("declared", carol["arn"], self.follow(entered), [sso, *whole, targets[0]], 1)
        entered = self.assume(vendor, source, "vendor", externalId="vendor-1234")
        path = [name_path(vendor), *whole]
        self.expect("declared", vendor["arn"], self.follow(entered), [*path, targets[0]], 1)
        self.expect("declared", vendor["arn"], self.follow(entered, target=5), [*path, targets[2]], 4)

        # Declared as far as it went: the session of the middle role assumed no target.
        entered = self.assume(service, source, "short")
        half = self.assume(entered, first, "short", externalId="hop-1234")
        self.expect("declared", "lambda.amazonaws.com", half, [source, first], 2)

        # Not declared: a short cut, a stranger at the target, one who leaves, another external id, tag and user.
        entered = self.assume(service, source, "cut")
        last = self.assume(entered, targets[0], "cut")
        self.expect("not declared", "lambda.amazonaws.com", last, [source, targets[0]], 3)
        mallory = self.user("mallory", self.accounts[9])
        last = self.assume(mallory, targets[1], "m", copies="both")
        self.expect("not declared", mallory["arn"], last, [targets[1]], 7)
        last = self.assume(mallory, targets[1], "m", copies="callee")
        self.expect("not declared", f"account {self.accounts[9]}", last, [targets[1]], 1)
        entered = self.assume(service, source, "out")
        elsewhere = f"arn:aws:iam::{self.accounts[9]}:role/elsewhere"
        last = self.assume(self.follow(entered), elsewhere, "out")
        self.expect("not declared", "lambda.amazonaws.com", last, [*whole, targets[0], elsewhere], 1)
        entered = self.assume(service, source, "id")
        last = self.assume(entered, first, "id", externalId="hop-9999")
        self.expect("not declared", "lambda.amazonaws.com", last, [source, first], 1)
        entered = self.assume(self.assume(service, source, "tag"), first, "tag", externalId="hop-1234")
        last = self.assume(entered, second, "tag", tags=[{"key": "Team", "value": "blue"}])
        self.expect("not declared", "lambda.amazonaws.com", last, whole, 1)
        entered = self.assume(mallory, source, "m")
        self.expect("not declared", mallory["arn"], self.follow(entered), [*whole, targets[0]], 1)
        entered = self.assume(alice, source, "alice-no-mfa", sourceIdentity="alice")
        self.expect("not declared", "alice", entered, [source], 1)
        entered = self.assume({**service, "invokedBy": "ec2.amazonaws.com"}, source, "i-0123")
        self.expect("not declared", "ec2.amazonaws.com", entered, [source], 1)
        other = {**token, "subjectFromWebIdentityToken": "repo:evil/app:x"}
        entered = self.assume(web, source, "ci", operation="AssumeRoleWithWebIdentity", answer=other)
        self.expect("not declared", "repo:evil/app:x", entered, [source], 1)

        # The beginning is not in the files: of the source's session, of the middle's, of the target's own.
        lost = session_identity(source, "lost", self.key(), "AROALOST")
        self.expect("beginning unknown", "unknown", self.follow(lost), [*whole, targets[0]], 2)
        lost = session_identity(second, "lost", self.key(), "AROALOST")
        last = self.assume(lost, targets[0], "lost")
        self.expect("beginning unknown", "unknown", last, [second, targets[0]], 2)
        lost = session_identity(targets[2], "lost", self.key(), "AROALOST")
        self.expect("beginning unknown", "unknown", lost, [targets[2]], 3)
        lost = session_identity(first, "half", self.key(), "AROALOST")
        team = [{"key": "Team", "value": "red"}]
        last = self.assume(lost, second, "half", copies="callee", tags=team)
        self.expect("beginning unknown", f"account {self.accounts[1]}", last, [second], 1)
        # ... and one that is wrong all the same.
        lost = session_identity(source, "lost", self.key(), "AROALOST")
        last = self.assume(lost, targets[1], "lost")
        self.expect("not declared", "unknown", last, [source, targets[1]], 1)

        # Refused, with and without the parameters of the call.
        self.refuse(mallory, targets[0])
        self.refuse(mallory, first, requestParameters={"roleArn": first, "roleSessionName": "m"})
        root = {
            "type": "Root",
            "principalId": self.accounts[9],
            "arn": f"arn:aws:iam::{self.accounts[9]}:root",
        }
        self.refuse({**root, "accountId": self.accounts[9], "accessKeyId": ""}, source)

    def _noise(self) -> None:
        """Sessions and users that have nothing to do with the chain."""
        for account in self.accounts:
            role = f"arn:aws:iam::{account}:role/service/worker"
            service = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
            self.use(self.assume(service, role, "worker"), self._random.randrange(8))
            person = self.user("dave", account)
            self.use(person, self._random.randrange(4))
            peer = f"arn:aws:iam::{self._random.choice(self.accounts)}:role/deploy"
            self.use(self.assume(self.assume(person, peer, "dave"), role, "dave"), 2)
            refusal = (
                f"User: {person['arn']} is not authorized to perform: sts:AssumeRole on resource: {peer}"
            )
            self.event(account, person, "sts:AssumeRole", errorCode="AccessDenied", errorMessage=refusal)

    def user(self, name: str, account: str, path: str = "") -> dict[str, Any]:
        """The identity of an IAM user with an access key."""
        return {
            "type": "IAMUser",
            "principalId": f"AIDA{name.upper()}{account}",
            "arn": f"arn:aws:iam::{account}:user/{path}{name}",
            "accountId": account,
            "accessKeyId": self.key("AKIA"),
            "userName": name,
        }

    def write(self, folder: Path, *, twice: float = 0.05) -> None:
        """Writes the log files, gzipped or not, a part of the records a second time."""
        by_account: dict[str, list[Record]] = {account: [] for account in self.accounts}
        for account, record in self.records:
            by_account[account].append(record)
            if self._random.random() < twice:
                by_account[account].append(record)
        for account, records in by_account.items():
            place = folder / "AWSLogs" / account / "CloudTrail" / "us-east-1" / "2026" / "11" / "01"
            place.mkdir(parents=True)
            for number in range(0, len(records), 20):
                text = json.dumps({"Records": records[number : number + 20]})
                stem = f"{account}_CloudTrail_us-east-1_20261101T0900Z_{number:016d}.json"
                if self._random.random() < 0.3:
                    (place / stem).write_text(text)
                else:
                    (place / f"{stem}.gz").write_bytes(gzip.compress(text.encode(), 1))

    def _uuid(self) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def session_identity(role: str, name: str, key: str, unique_id: str) -> dict[str, Any]:
    """The identity of a role session."""
    issuer = {
        "type": "Role",
        "principalId": unique_id,
        "arn": role,
        "accountId": account_of(role),
        "userName": name_of(role),
    }
    attributes = {"creationDate": "2026-11-01T08:00:00Z", "mfaAuthenticated": "false"}
    return {
        "type": "AssumedRole",
        "principalId": f"{unique_id}:{name}",
        "arn": session_arn(role, name),
        "accountId": account_of(role),
        "accessKeyId": key,
        "sessionContext": {"sessionIssuer": issuer, "webIdFederationData": {}, "attributes": attributes},
    }


def name_path(identity: Mapping[str, Any]) -> str:
    """The role of a session's identity."""
    return str(identity["sessionContext"]["sessionIssuer"]["arn"])


if __name__ == "__main__":
    Organization(int(sys.argv[2]), seed=1).write(Path(sys.argv[1]))
