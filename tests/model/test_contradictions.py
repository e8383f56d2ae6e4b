"""What a chain declares and can never work, or never hold, is refused when it is made, with its cure."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance, Quotas, SessionTag, SourceIdentity

ROLE = "arn:aws:iam::777777777777:role/ci"
VENDOR = ChainRole("888888888888", "vendor", existing=True, third_party=True)


def problems(
    *, source: Any = None, middle: Any = None, target: Any = None, entrance: Any = None, **fields: Any
) -> list[str]:
    """What is said of a chain whose parts are as given."""
    entered = {"assumed_by": entrance} if entrance else {}
    with pytest.raises(ChainError) as caught:
        Chain(
            "deploy",
            source=source if source is not None else ChainRole("111111111111", **entered),
            middle=[ChainRole("222222222222", **(middle or {}))],
            targets=[ChainRole("333333333333", **(target or {}))],
            **fields,
        )
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"entrance": Entrance.arn(ROLE, mfa=True)},
            f"source.assumed_by[0]: mfa is for IAM users, and arn {ROLE} is not one: its sessions do not carry "
            "MFA, so every call would be denied; require MFA where its users sign in",
        ),
        (
            {"entrance": Entrance("service", "lambda.amazonaws.com", mfa=True)},
            "source.assumed_by[0]: mfa is for IAM users, and service lambda.amazonaws.com is not one: its "
            "sessions do not carry MFA, so every call would be denied; require MFA where its users sign in",
        ),
        (
            {"entrance": Entrance.account("777777777777", mfa=True, iam_users=False)},
            "source.assumed_by[0]: mfa admits IAM users only, and iam_users: false excludes them: remove one of "
            "the two",
        ),
        (
            {"entrance": Entrance.account("777777777777", mfa_max_age=60)},
            "source.assumed_by[0]: mfa_max_age needs mfa: add mfa: true",
        ),
        (
            {"entrance": Entrance.account("777777777777", mfa=True, mfa_max_age=0)},
            "source.assumed_by[0]: mfa_max_age: 0 is outside the limits of a session: write 1 to 129600, in seconds",
        ),
        (
            {"target": {"duration_seconds": 7200}},
            "targets[0].duration_seconds: 7200 seconds: STS gives a chained session 3600 at most; write that or less, "
            "and let the runtime renew the hop for longer work",
        ),
        (
            {"target": {"duration_seconds": 899}},
            "targets[0].duration_seconds: 899 is outside STS's limits: write 900 to 3600, in seconds",
        ),
        (
            {
                "middle": {"session_tags": {"Project": "a"}, "transitive_tag_keys": ["Project"]},
                "target": {"session_tags": {"project": "b"}},
            },
            "targets[0].session_tags.project: the session inherits Project as transitive from middle[0], and STS "
            "refuses to have it passed again: remove it here, or from transitive_tag_keys there",
        ),
        (
            {"target": {"session_tags": {f"key-{number}": "x" for number in range(51)}}},
            "targets[0].session_tags: 51 tags: a session has 50 at most; remove 1",
        ),
        (
            {
                "middle": {"session_tags": {"Project": "a"}, "transitive_tag_keys": ["Project"]},
                "target": {"session_tags": {f"key-{number}": "x" for number in range(50)}},
            },
            "targets[0].session_tags: 50 tags and 1 inherited ones: a session has 50 at most; remove 1",
        ),
        (
            {"target": {"session_tags": {"Project": "a", "PROJECT": "b"}}},
            "targets[0].session_tags.PROJECT: 'PROJECT' and 'Project' are the same key to STS, which ignores "
            "case: remove one",
        ),
        (
            {"target": {"session_tags": [SessionTag("Project", "a"), SessionTag("Project", "b")]}},
            "targets[0].session_tags.Project: 'Project' occurs twice: remove one",
        ),
        (
            {"target": {"session_tags": {"aws:x": "a"}}},
            "targets[0].session_tags.aws:x: 'aws:x' begins with aws:, which AWS reserves: rename it",
        ),
        (
            {"target": {"session_tags": {"a;b": "x"}}},
            "targets[0].session_tags.a;b: 'a;b' is not a tag key: write 1 to 128 letters, digits, spaces and _.:/=+-@",
        ),
        (
            {"target": {"session_tags": {"Project": "x" * 257}}},
            f"targets[0].session_tags.Project: '{'x' * 257}' is not a tag value: write 256 letters, digits, spaces and "
            "_.:/=+-@ at most",
        ),
        (
            {"target": {"session_tags": [SessionTag("Project")], "transitive_tag_keys": ["Stage"]}},
            "targets[0].transitive_tag_keys[0]: 'Stage' is not one of the session tags of this hop: add it to "
            "session_tags",
        ),
        (
            {"target": {"session_tags": "Project"}},
            "targets[0].session_tags: 'Project' is not a session tag: write values by key, or SessionTag(…)",
        ),
        (
            {"target": {"external_id": "a b"}},
            "targets[0].external_id: 'a b' is not an external id: write 2 to 1,224 of letters, digits and _+=,.@:/-",
        ),
        (
            {"target": {"source_identity": "a b"}},
            "targets[0].source_identity: 'a b' is not a source identity: write 2 to 256 of letters, digits "
            "and _+=,.@-",
        ),
        (
            {"target": {"source_identity": SourceIdentity(["ok", "aws:me"])}},
            "targets[0].source_identity: 'aws:me' is not a source identity: write 2 to 256 of letters, digits "
            "and _+=,.@-",
        ),
        (
            {"middle": {"source_identity": "ann"}, "target": {"source_identity": "bob"}},
            "targets[0].source_identity: middle[0] sets the source identity already, and it cannot change: "
            "remove it here",
        ),
        (
            {"entrance": Entrance.account("999999999999", third_party=True)},
            "source.assumed_by[0]: the third party 999999999999 needs an external_id, or another customer of it "
            "can use your role: declare one that is unique to you",
        ),
        (
            {"entrance": Entrance("service", "lambda.amazonaws.com", external_id="x1")},
            "source.assumed_by[0]: external_id is for account and arn: a service passes no external id; remove it",
        ),
        (
            {"source": VENDOR},
            "middle[0].external_id: its caller vendor is a third party's: declare an external_id that is unique "
            "to you, or another customer of it can use your role",
        ),
        (
            {
                "source": VENDOR,
                "organization": "o-exampleorg1",
                "middle": {"external_id": "ext-1", "trust": "organization"},
            },
            "middle[0].trust: its caller vendor is a third party's, in no organization of yours: remove trust",
        ),
        (
            {
                "source": VENDOR,
                "organization": "o-exampleorg1",
                "middle": {"external_id": "ext-1", "caller_organizational_units": ["r-ab12"]},
            },
            "middle[0].caller_organizational_units: its caller vendor is a third party's, in no organization of yours: "
            "remove caller_organizational_units",
        ),
        (
            {
                "source": ChainRole("888888888888", "vendor", third_party=True),
                "middle": {"external_id": "ext-1"},
            },
            "source.third_party: this chain does not create a third party's role: add existing: true",
        ),
        (
            {"target": {"existing": True, "third_party": True}},
            "targets[0].third_party: a third party's role can only be the source of a chain: declare it as source",
        ),
        (
            {"target": {"existing": True, "managed_policies": ["ReadOnlyAccess"]}},
            "targets[0].managed_policies: the role exists and is not changed: remove managed_policies, or have its "
            "owner add it",
        ),
        (
            {"target": {"caller_organizational_units": ["r-ab12/ou-ab12-11111111"]}},
            "targets[0].caller_organizational_units: it needs the organization, and the chain declares none: add "
            "organization: o-…",
        ),
        (
            {"target": {"trust": "organization"}},
            "targets[0].trust: it needs the organization, and the chain declares none: add organization: o-…",
        ),
        (
            {
                "target": {"caller_organizational_units": ["ou-ab12-11111111"]},
                "organization": "o-exampleorg1",
            },
            "targets[0].caller_organizational_units[0]: 'ou-ab12-11111111' is not a path of an organizational unit: "
            "write the ids from the root down, such as r-ab12/ou-ab12-11111111",
        ),
        (
            {"target": {"permissions_boundary": "a b"}},
            "targets[0].permissions_boundary: 'a b' is neither an ARN nor the name of a managed policy in the role's "
            "account",
        ),
        (
            {"source": [ChainRole("111111111111", "a"), ChainRole("111111111111", "a")]},
            "source[1].role: role a of account 111111111111 is a source already, at source[0]: remove one",
        ),
        (
            {"source": ChainRole("222222222222", "deploy-middle")},
            "middle[0].role: role deploy-middle of account 222222222222 is declared at source already, which makes the "
            "chain a cycle: name another role",
        ),
        (
            {"source": []},
            "source: a chain needs at least one source role: declare it",
        ),
        (
            {"source": ChainRole("111111111111", session_tags={"Project": "a"})},
            "source.session_tags: no hop ends in the source role: declare it on the role that the hop assumes",
        ),
        (
            {"quotas": Quotas(role_trust_policy_length=9000)},
            "quotas.role_trust_policy_length: 9000 is outside IAM's limits: write 2048 to 8192, as it is in the "
            "chain's "
            "accounts",
        ),
        (
            {"entrance": Entrance("saml", "arn:aws:iam::111111111111:saml-provider/okta", subject="ann")},
            "source.assumed_by[0]: subject is for oidc, and saml arn:aws:iam::111111111111:saml-provider/okta has none"
            ": remove it",
        ),
        (
            {"entrance": Entrance("service", "lambda.amazonaws.com", audience="x")},
            "source.assumed_by[0]: audience is for oidc and saml, and service lambda.amazonaws.com has none: remove it",
        ),
        (
            {"entrance": Entrance.saml("arn:aws:iam::999999999999:saml-provider/okta")},
            "source.assumed_by[0]: arn:aws:iam::999999999999:saml-provider/okta is not of the role's account, "
            "111111111111, and IAM refuses a provider of another account: create one there",
        ),
        (
            {"entrance": Entrance.arn("arn:aws-cn:iam::777777777777:role/ci")},
            "source.assumed_by[0]: arn:aws-cn:iam::777777777777:role/ci lies in another partition than the role's, aws"
            ": no call crosses partitions",
        ),
        (
            {"entrance": Entrance.arn("arn:aws:iam::333333333333:role/rolechain/deploy-target")},
            "source.assumed_by[0]: arn:aws:iam::333333333333:role/rolechain/deploy-target is targets[0] of this chain, "
            "and it would make the chain a cycle: name a principal outside the chain",
        ),
        (
            {"entrance": Entrance.arn("arn:aws:iam::111111111111:role/rolechain/deploy-source")},
            "source.assumed_by[0]: arn:aws:iam::111111111111:role/rolechain/deploy-source is source of this chain, and "
            "no hop ends in a source role: name a principal outside the chain",
        ),
        (
            {"entrance": Entrance.account("777777777777", iam_users="no")},
            "source.assumed_by[0]: iam_users: 'no' is neither true nor false: write one of them",
        ),
        (
            {"source": ChainRole("111111111111", trust="role_arn")},
            "source.trust: no hop ends in the source role: declare its callers under assumed_by, and trust on "
            "the role of a hop",
        ),
        (
            {"target": {"description": "one — two"}},
            "targets[0].description: IAM accepts Latin-1 characters only: replace '—'",
        ),
        (
            {"target": {"existing": "no"}},
            "targets[0].existing: 'no' is neither true nor false: write one of them",
        ),
        (
            {"source": "111111111111"},
            "source[0]: '111111111111' is not a role: write ChainRole(account, …)",
        ),
        (
            {"source": ChainRole("111111111111", assumed_by="lambda.amazonaws.com")},  # type: ignore[arg-type]
            "source.assumed_by[0]: 'lambda.amazonaws.com' is not an entrance: write Entrance.service(…), or another of "
            "service, account, arn, oidc, saml, permission_set",
        ),
        (
            {"quotas": {"role_trust_policy_length": 4096}},
            "quotas: {'role_trust_policy_length': 4096} are not quotas: write Quotas(…)",
        ),
    ],
)
def test_a_contradiction_is_refused(fields: dict[str, Any], expected: str) -> None:
    """One line says where it stands, why it cannot be, and what to write instead."""
    assert problems(**fields) == [expected]
