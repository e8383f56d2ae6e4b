"""A chain in the parameters of its source account, and the same chain read from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from rolechain import Chain, ChainError, ChainRole, Permission, RolechainError
from rolechain.cdk import ChainParameters
from rolechain.cdk.chain_parameters import declared
from rolechain.local import LocalOrganization
from rolechain.model.chain_parameters import ChainParametersError, parameters_of
from rolechain.model.chain_yaml import chain_of_json
from tests.features.test_proven import CHAINS

Json = dict[str, Any]
TemplateOf = Callable[[cdk.Stack], Json]
MakeStack = Callable[[str], cdk.Stack]
EXAMPLE = Path(__file__).parents[2] / "examples" / "every-feature.yaml"
SOURCE = "111111111111"


def walked(chain: Chain) -> Chain:
    """The chain without what the proof alone reads."""
    return Chain(
        chain.name,
        source=chain.sources,
        middle=chain.middle,
        targets=chain.targets,
        organization=chain.organization,
        region=chain.region,
        partition=chain.partition,
        quotas=chain.quotas,
    )


@pytest.fixture(scope="module")
def organization() -> Iterator[LocalOrganization]:
    with LocalOrganization() as running:
        yield running


@pytest.fixture
def large() -> Chain:
    """A chain that no single parameter holds."""
    targets = [ChainRole(f"{number:012}", external_id="deploy-1") for number in range(400, 600)]
    return Chain("deploy", source=ChainRole(SOURCE), targets=targets)


def put(organization: LocalOrganization, template: Json) -> Any:
    """Makes the parameters of a template in the source account."""
    session = organization.session(SOURCE)
    stacks: Any = session.client("cloudformation")
    stacks.create_stack(StackName="parameters", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName="parameters", WaiterConfig={"Delay": 1})
    return session


@pytest.mark.parametrize("name", CHAINS)
def test_every_feature_is_read_again(name: str) -> None:
    """What is written of a chain gives the same chain."""
    chain = Chain(**CHAINS[name])
    assert chain_of_json(declared(chain), Chain, "parameters") == chain


def test_the_examples_are_read_again(maximal: Chain) -> None:
    """So are every kind of entrance and the example with every feature, but for what the proof alone reads."""
    for chain in (maximal, Chain.load(EXAMPLE)):
        assert chain_of_json(declared(chain), Chain, "parameters") == walked(chain)


def test_one_parameter_of_the_standard_tier(
    make_stack: MakeStack, template_of: TemplateOf, minimal: Chain, app: cdk.App
) -> None:
    """A small chain takes one parameter."""
    stack = make_stack(SOURCE)
    ChainParameters(stack, "Parameters", chain=minimal)
    (parameter,) = template_of(stack)["Resources"].values()
    properties = parameter["Properties"]
    assert (properties["Name"], properties["Type"]) == ("/rolechain/deploy/1", "String")
    assert "Tier" not in properties
    assert properties["Value"].split(" ", 2)[1:] == ["1/1", declared(minimal)]
    assert AwsSolutionsChecks(app).validate_scope(app).violations == []


def test_a_program_without_the_file(
    organization: LocalOrganization, make_stack: MakeStack, template_of: TemplateOf, large: Chain
) -> None:
    """A chain of many parameters is found by its name; while one of them is of another deployment, nothing is read."""
    stack = make_stack(SOURCE)
    ChainParameters(stack, "Parameters", chain=large)
    template = template_of(stack)
    values = [each["Properties"]["Value"] for each in template["Resources"].values()]
    assert len(values) > 2
    assert all(len(value.encode()) <= 4096 for value in values)
    session = put(organization, template)
    assert Chain.from_ssm("deploy", session) == large
    other = replace(large.sources[0], role="another")
    changed = parameters_of("deploy", declared(Chain("deploy", source=other, targets=large.targets)))
    session.client("ssm").put_parameter(
        Name="/rolechain/deploy/2", Value=changed["/rolechain/deploy/2"], Type="String", Overwrite=True
    )
    with pytest.raises(ChainParametersError, match="are being replaced: try again in a minute"):
        Chain.from_ssm("deploy", session)


def test_no_parameters(organization: LocalOrganization) -> None:
    """A chain that was not put there is an error that says what to do."""
    with pytest.raises(
        RolechainError, match=r"no parameters below /rolechain/missing .* deploy ChainParameters"
    ):
        Chain.from_ssm("missing", organization.session(SOURCE))


def test_what_is_no_chain() -> None:
    """Text that is no JSON, and keys of a later version, are refused as in a file."""
    with pytest.raises(ChainError, match="not valid JSON"):
        chain_of_json("{", Chain, "parameters")
    with pytest.raises(ChainError, match="newer: unknown key"):
        chain_of_json('{"name": "a", "newer": 1, "source": null, "targets": [[], 1.5]}', Chain, "parameters")


def test_two_braces_are_no_reference() -> None:
    """SSM would take two braces in a text for another parameter."""
    chain = Chain(
        "deploy",
        source=ChainRole(SOURCE),
        targets=ChainRole("333333333333", permissions=[Permission("s3:GetObject", "arn:aws:s3:::{{a}}/x")]),
    )
    assert "{{" not in declared(chain)
    assert chain_of_json(declared(chain), Chain, "parameters") == chain
