"""Every single change of a valid chain's policies that matters is reported, and no valid chain is.

What matters is decided by a panel of callers that knows nothing of the proof. ROLECHAIN_MUTATIONS sets how many
chains are tried; the default fits a run of all tests.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rolechain import Chain
from rolechain.iam import escalation
from rolechain.proof import Level, Template, prove
from tests.proof.mutations.unrelated import THINGS, unrelated
from tests.proof.soundness.planted import in_trust

Json = dict[str, Any]
Chains = Callable[..., st.SearchStrategy[Chain]]
TemplatesOf = Callable[[Chain], list[Template]]

CHAINS = int(os.environ.get("ROLECHAIN_MUTATIONS", "16"))
OUTSIDER, OTHER_ORG = "999999999999", "o-otherother1"

# Of each chain so many changes, spread over all of them.
MOST_CHANGES = 80

_all = settings(max_examples=CHAINS, deadline=None, suppress_health_check=list(HealthCheck))


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
    yield "a denial", lambda s: [s, s | {"Effect": "Deny", "Sid": "Denied"}]
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
            plain = (
                operator.removeprefix("ForAllValues:").removeprefix("ForAnyValue:").removesuffix("IfExists")
            )
            if plain == "Null":
                yield f"{key} the other way", under("Null", "true" if keys[key] == "false" else "false")
                continue
            yield f"{key} if it exists", under(f"{plain}IfExists")
            if not plain.startswith(("String", "Arn")):
                continue
            yield f"{key} like *", under("StringLike", "*")
            yield f"{key} of all values", under(f"ForAllValues:{plain}")
            yield f"{key} of any value", under(f"ForAnyValue:{plain}")
            yield f"{key} unlike", under(plain.replace("Equals", "NotEquals").replace("Like", "NotLike"))
            yield f"another {key}", under(operator, "arn:aws:iam::999999999999:role/other")
            yield f"more of {key}", under("StringLike", ["arn:aws:iam::*:role/*", "*o*", "repo:*"])
            if isinstance(keys[key], list):
                yield f"less of {key}", under(operator, keys[key][:1])


@settings(_all, max_examples=max(CHAINS // 4, 1))
@given(data=st.data())
def test_every_session_policy_that_breaks_a_hop_is_reported(
    data: st.DataObject, chains: Chains, templates_of: TemplatesOf
) -> None:
    """Without one of the actions that the next hop uses the proof fails at that hop, and names the session policy."""
    chain = data.draw(chains(most_targets=2))
    limited = data.draw(st.sampled_from(chain.middle))
    next_hop = chain.calls_of(limited)[0]
    used = ["sts:AssumeRole", *["sts:TagSession"] * next_hop.carries_tags]
    used += ["sts:SetSourceIdentity"] * next_hop.carries_source_identity
    statement = {"Effect": "Allow", "NotAction": data.draw(st.sampled_from(used)), "Resource": "*"}
    changed = replace(limited, policy={"Version": "2012-10-17", "Statement": statement}, policy_arns=())
    middle = [changed if role == limited else role for role in chain.middle]
    broken = replace(chain, middle=middle)
    errors = [each for each in prove(broken, templates_of(broken)).findings if each.level is Level.ERROR]
    assert {each.rule for each in errors} == {"RC08"}
    assert all(
        f"from {limited.arn} to" in each.message and "session policy" in each.message for each in errors
    )


@_all
@given(data=st.data())
def test_no_valid_chain_raises_an_alarm(
    data: st.DataObject, chains: Chains, templates_of: TemplatesOf
) -> None:
    """A chain whose policies are those that it declares is proven, whatever it declares and whatever else there is."""
    chain = data.draw(chains())
    proof = prove(chain, data.draw(unrelated(templates_of(chain))))
    assert proof.proven, [finding for finding in proof.findings if finding.level == "error"]
    assert all(entrance.declared for entrance in proof.entrances)


@pytest.mark.parametrize("thing", THINGS)
def test_nothing_unrelated_raises_an_alarm(thing: str, chain: Chain, templates_of: TemplatesOf) -> None:
    """What has nothing to do with the chain leaves it proven, in whichever accounts of it it stands."""
    templates = templates_of(chain)
    for template in templates:
        template.body["Resources"].update(THINGS[thing])
    assert [each for each in prove(chain, templates).findings if each.level is Level.ERROR] == []
    # Who deploys apps with CDK may change the chain, and nobody else of them.
    owned = Chain(
        chain.name,
        sources=chain.sources,
        middle=chain.middle,
        targets=chain.targets,
        organization=chain.organization,
        administrators=["arn:aws:iam::*:role/*Deployer*"],
    )
    assert [each for each in prove(owned, templates).findings if each.level is Level.ERROR] == []


@settings(_all, max_examples=max(CHAINS // 8, 1))
@given(data=st.data())
def test_every_change_that_matters_is_reported(
    data: st.DataObject, chains: Chains, panel: Any, templates_of: TemplatesOf
) -> None:
    """Whatever lets somebody else in or something else pass, or keeps a declared caller out, fails the proof."""
    chain = data.draw(chains(most_targets=2))
    templates = templates_of(chain)
    before = panel(chain, templates)
    admitted = {
        (role.arn, is_callee): before.admitted(role.arn, is_callee=is_callee)
        for role in chain.roles
        for is_callee in (True, False)
    }
    matter, missed = 0, []
    changes = list(mutations(templates, chain))
    step = -(-len(changes) // MOST_CHANGES)
    for change in changes[data.draw(st.integers(0, step - 1)) :: step]:
        after = panel(chain, change.templates).admitted(change.role, is_callee=change.is_trust)
        if after == admitted[change.role, change.is_trust]:
            continue
        matter += 1
        proof = prove(chain, change.templates)
        # A hop that depends on what the call alone brings is said not to be known, and fails nothing.
        if proof.proven and not any(finding.rule == "RC00" for finding in proof.findings):
            missed.append(change.what)
    assert missed == []
    assert matter > 10


@settings(_all, max_examples=CHAINS * 4)
@given(data=st.data())
def test_everybody_who_may_change_a_role_is_reported(
    data: st.DataObject, chains: Chains, templates_of: TemplatesOf
) -> None:
    """Whoever may change a role of a chain of any features is found, however that is written and conditioned."""
    chain = data.draw(chains(most_targets=2))
    role = data.draw(st.sampled_from(chain.roles))
    way = data.draw(st.sampled_from(escalation.ON_ROLE))
    action = data.draw(st.sampled_from([way.action, way.action.lower(), "iam:*", "*", f"{way.action[:-3]}*"]))
    about: Json = data.draw(
        st.sampled_from([{"Action": [action, *way.besides]}, {"NotAction": ["s3:*", "sts:*"]}])
    )
    pattern = data.draw(
        st.sampled_from([role.arn, "*", f"{role.arn[:-2]}??", "arn:*:iam::*:role/${aws:username}*"])
    )
    on: Json = data.draw(st.sampled_from([{"Resource": pattern}, {"NotResource": f"{role.arn}-other"}]))
    met: Json = data.draw(
        st.sampled_from(
            [
                {},
                {"Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}},
                {"Condition": {"StringLike": {"aws:PrincipalArn": "*:role/*"}}},
                {
                    "Condition": {
                        "StringEqualsIfExists": {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/x"}
                    }
                },
            ]
        )
    )
    if way.besides and "Action" in about:
        on = {"Resource": "*"}
    statement = {"Effect": "Allow", **about, **on, **met}
    templates = data.draw(unrelated(templates_of(chain)))
    ops = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "ops",
            "AssumeRolePolicyDocument": {"Statement": [_allow({"Service": "ec2.amazonaws.com"})]},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": [statement]}}],
        },
    }
    if role.existing:
        templates.append(Template("ops", {"Resources": {"Ops": ops}}, account=role.account))
    else:
        (of_role,) = (template for template in templates if template.account == role.account)
        of_role.body["Resources"]["Ops"] = ops
    found = [each for each in prove(chain, templates).changers or () if each.who.endswith("/ops")]
    assert any(role.arn in each.roles and each.rule == "RC38" for each in found), statement


@settings(_all, max_examples=CHAINS * 4)
@given(data=st.data())
def test_every_stranger_is_reported(data: st.DataObject, chains: Chains, templates_of: TemplatesOf) -> None:
    """A statement that lets a stranger in, whatever it asks, fails the proof of a chain of any features."""
    chain = data.draw(chains(most_targets=2))
    planted = in_trust(Random(data.draw(st.integers(0, 2**32))), chain)  # noqa: S311
    findings = prove(chain, planted.templates(data.draw(unrelated(templates_of(chain))))).findings
    rules = {finding.rule for finding in findings if finding.level is Level.ERROR}
    assert rules & {"RC00", "RC05", "RC35", "RC37"}, planted
