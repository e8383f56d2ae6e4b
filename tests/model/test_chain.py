"""The declared chain: names, hops and ways."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from rolechain import Chain, ChainError, ChainRole, NoSuchTargetError


@pytest.fixture
def chain() -> Chain:
    return Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222"), ChainRole("444444444444")],
        targets=[ChainRole("333333333333", external_id="ext-1"), ChainRole("555555555555", "other")],
    )


def test_default_names(chain: Chain) -> None:
    """Roles that are not named are named after the chain and their place in it, middle roles with a number."""
    assert [role.role for role in chain.roles] == [
        "deploy-source",
        "deploy-middle-1",
        "deploy-middle-2",
        "deploy-target",
        "other",
    ]


def test_one_middle_role_has_no_number() -> None:
    """A middle role that is the only one is named without a number."""
    chain = Chain("x", source=ChainRole("1" * 12), middle=ChainRole("2" * 12), targets=ChainRole("3" * 12))
    assert chain.middle[0].role == "x-middle"


def test_arns_carry_path_and_partition() -> None:
    """A role's ARN holds its path, and the partition of the chain."""
    chain = Chain(
        "x",
        source=ChainRole("1" * 12),
        middle=[ChainRole("2" * 12, path="/jump/")],
        targets=[ChainRole("3" * 12)],
        partition="aws-cn",
        region="cn-north-1",
    )
    assert chain.middle[0].arn == "arn:aws-cn:iam::222222222222:role/jump/x-middle"
    assert chain.source.account_root == "arn:aws-cn:iam::111111111111:root"


def test_a_role_that_replaces_another(chain: Chain) -> None:
    """The former role stands beside it in every hop; a path leads over the new one, but one that ends in the former."""
    former = "arn:aws:iam::666666666666:role/old/hub"
    first, second = chain.middle
    moving = replace(chain, middle=[replace(first, external_id="ext-2", replaces=former), second])
    assert moving.accounts == ("1" * 12, "2" * 12, "6" * 12, "4" * 12, "3" * 12, "5" * 12)
    hops = [(hop.index, hop.caller.role, hop.callee.role, hop.external_id) for hop in moving.hops()]
    assert hops[:4] == [
        (1, "deploy-source", "deploy-middle-1", "ext-2"),
        (1, "deploy-source", "hub", "ext-2"),
        (2, "deploy-middle-1", "deploy-middle-2", None),
        (2, "hub", "deploy-middle-2", None),
    ]
    assert [hop.callee for hop in moving.hops_to("3" * 12)] == [
        moving.middle[0],
        second,
        chain.targets[0],
    ]
    (hop,) = moving.hops_to(former)
    assert hop.callee.arn == former


def test_hops_in_order(chain: Chain) -> None:
    """Each hop is given once: along the middle roles, then from the last one to each target."""
    assert [(hop.index, hop.caller.role, hop.callee.role, hop.external_id) for hop in chain.hops()] == [
        (1, "deploy-source", "deploy-middle-1", None),
        (2, "deploy-middle-1", "deploy-middle-2", None),
        (3, "deploy-middle-2", "deploy-target", "ext-1"),
        (3, "deploy-middle-2", "other", None),
    ]


def test_paths_share_the_hops_before_the_last(chain: Chain) -> None:
    """Each way from the source to a target runs over every middle role."""
    first, second = chain.paths()
    assert [hop.callee.role for hop in first] == ["deploy-middle-1", "deploy-middle-2", "deploy-target"]
    assert second[:2] == first[:2]
    assert second[2].role_arn == "arn:aws:iam::555555555555:role/rolechain/other"


@pytest.mark.parametrize("word", ["333333333333", "arn:aws:iam::333333333333:role/rolechain/deploy-target"])
def test_hops_to_a_target(chain: Chain, word: str) -> None:
    """A target is found by its account's id and by its ARN."""
    assert [hop.index for hop in chain.hops_to(word)] == [1, 2, 3]
    assert chain.hops_to(word)[-1].callee.account == "333333333333"


def test_hops_to_a_declared_role(chain: Chain) -> None:
    """A declared role is found too, a middle one as well."""
    assert chain.hops_to(chain.middle[0]) == (next(chain.hops()),)
    assert len(chain.hops_to(ChainRole("555555555555", "other"))) == 3


def test_an_unknown_target_is_said(chain: Chain) -> None:
    """A target that the chain does not declare is refused with those that it has."""
    with pytest.raises(
        NoSuchTargetError, match=r"chain deploy has no target '999999999999': it has arn:aws:iam"
    ):
        chain.hops_to("999999999999")


def test_an_alias_selects_a_target(chain: Chain) -> None:
    """A target is found by its alias, and a name near to one is asked about."""
    two = replace(chain, targets=(*chain.targets, ChainRole("333333333333", "second", alias="prod")))
    assert two.hops_to("prod")[-1].callee.role == "second"
    with pytest.raises(NoSuchTargetError, match=r"no target 'prdo': did you mean prod\?$"):
        two.hops_to("prdo")


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (
            {"targets": [ChainRole("333333333333", alias="a"), ChainRole("444444444444", alias="a")]},
            "targets[1].alias: 'a' is the alias of targets[0] already: choose another",
        ),
        (
            {"middle": [ChainRole("222222222222", alias="a")]},
            "middle[0].alias: an alias selects a target, and this role is none: remove it",
        ),
        (
            {"source": ChainRole("111111111111", alias="a")},
            "source.alias: no hop ends in the source role: declare it on the role that the hop assumes",
        ),
        (
            {"targets": ChainRole("333333333333", alias="1st")},
            "targets[0].alias: '1st' is not an alias: write a letter, then letters, digits, '.', '_' and '-', "
            "64 at most",
        ),
    ],
)
def test_an_alias_that_selects_none_or_two(roles: dict[str, Any], expected: str) -> None:
    """An alias belongs to one target, and cannot be taken for an account or an ARN."""
    declared = {"source": ChainRole("111111111111"), "targets": ChainRole("333333333333"), **roles}
    with pytest.raises(ChainError) as caught:
        Chain("deploy", **declared)
    assert str(caught.value) == expected


def test_an_account_with_two_targets_does_not_single_one_out(chain: Chain) -> None:
    """An account id that stands for two targets is refused with their ARNs."""
    two = replace(chain, targets=(*chain.targets, ChainRole("333333333333", "second")))
    with pytest.raises(
        NoSuchTargetError, match=r"holds several targets of chain deploy: name one of .*second"
    ):
        two.hops_to("333333333333")


def test_the_hops_of_one_role(chain: Chain) -> None:
    """The calls that a role makes, and those that end in it, are found by the role."""
    last = chain.middle[-1]
    assert [hop.callee.role for hop in chain.calls_of(last)] == ["deploy-target", "other"]
    assert [hop.caller.role for hop in chain.calls_into(last)] == ["deploy-middle-1"]
    assert chain.calls_into(chain.source) == ()


def test_accounts_are_given_once(chain: Chain) -> None:
    """An account that holds two roles is named once."""
    two = replace(chain, targets=(*chain.targets, ChainRole("111111111111", "back")))
    assert two.accounts == ("111111111111", "222222222222", "444444444444", "333333333333", "555555555555")


def test_a_chain_is_frozen(chain: Chain) -> None:
    """What was checked cannot be changed afterwards."""
    with pytest.raises(FrozenInstanceError):
        chain.name = "other"  # type: ignore[misc]
