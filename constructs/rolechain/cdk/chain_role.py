"""The roles that a chain declares, as constructs: source, middle and target."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import ClassVar, cast

from aws_cdk import Annotations, Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from rolechain.cdk.chain_proof import prove_at_synth
from rolechain.cdk.plain_role import TAG_PRIORITY, PlainRole
from rolechain.cdk.principals import trusted
from rolechain.errors import RolechainError
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.statements.builder import StatementJson, trust_statements
from rolechain.statements.packing import REVOKED, pack


class PlacementError(RolechainError, ValueError):
    """A construct stands in a stack whose account is not the one that the chain declares for its role."""


class ChainRoleConstruct(Construct):
    """A role that a chain declares, with both halves of its hops; use one of its subclasses.

    Args:
        scope: the stack, or a construct in one, of the account that the chain declares for the role.
        id: the construct's id.
        chain: the chain.
        role: singles one out where the account holds several: its name, or the declared role.
        proof: whether the synth proves the chain, as far as its roles are in the app; None if the
            caller registers the proof.

    Attributes:
        kind: ``source``, ``middle`` or ``target``.
        declared: what the chain says of the role.

    Raises:
        PlacementError: the chain declares no such role, or several, for the stack's account.
    """

    kind: ClassVar[str]
    _entrances: tuple[iam.IPrincipal, ...] = ()

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        role: str | ChainRole | None = None,
        proof: bool | None = True,
    ) -> None:
        declared = _declared_here(scope, chain, self.kind, role)
        super().__init__(scope, id)
        # Each use of CDK is a call to another process: a caller that makes many roles registers their proof once.
        if proof is not None:
            prove_at_synth(self, chain, declared, proof=proof)
        packed = pack(chain, declared)
        self.declared = declared
        self._trust = trust_statements(chain, declared)
        self._description = declared.description or f"{self.kind} role of the chain {chain.name}"
        self._tags = {"rolechain:chain": chain.name, "rolechain:role": self.kind}
        # Principals of CDK's own are written out by its role alone.
        self._plain = None if self._entrances else self._resource()
        laid_out = [(policy, f"the hops of {declared.role}") for policy in packed.hops]
        own = {REVOKED: f"ends older sessions of {declared.role}"}
        laid_out += [(policy, own.get(policy.id, f"what {declared.role} may do")) for policy in packed.own]
        if laid_out or self._entrances:
            name = self._plain.ref if self._plain else self.role.role_name
            # Managed rather than inline: the compliance packs of cdk-nag refuse inline policies.
            made = [
                iam.CfnManagedPolicy(
                    self,
                    policy.id,
                    path=declared.path,
                    description=words,
                    policy_document=iam.PolicyDocument.from_json(_permissions(policy.statements)),
                    roles=[name],
                )
                for policy, words in laid_out
            ]
            # What a policy hands on to a later one is allowed there before it is not allowed here any more.
            for earlier, later in pairwise(made[: len(packed.hops)]):
                earlier.add_resource_dependency(later)
            for earlier, later in pairwise(made[len(packed.hops) :]):
                earlier.add_resource_dependency(later)
        if packed.note:
            Annotations.of(self).add_info_v2("rolechain:layout", packed.note)

    @cached_property
    def role(self) -> iam.Role:
        """The role, to be granted more and referred to as any role of CDK.

        Until it is first read, a plain resource stands in its place, with the same logical id; what was changed of
        that one is carried over, and what refers to it means this role from then on.

        Raises:
            PlacementError: ``Role.customize_roles`` keeps CDK from making roles here.
        """
        self.node.try_remove_child("Resource")
        declared = self.declared
        boundary = declared.boundary_arn
        role = iam.Role(
            self,
            "Default",  # the id that counts for no logical id
            role_name=declared.role,
            path=declared.path,
            description=self._description,
            assumed_by=trusted(self._trust, self._entrances),
            permissions_boundary=iam.ManagedPolicy.from_managed_policy_arn(self, "Boundary", boundary)
            if boundary
            else None,
            max_session_duration=Duration.seconds(declared.max_session_duration),
            managed_policies=[
                iam.ManagedPolicy.from_managed_policy_arn(self, f"Managed{number}", arn)
                for number, arn in enumerate(declared.managed_policy_arns, 1)
            ],
        )
        resource = cast(iam.CfnRole | None, role.node.default_child)
        if resource is None:
            raise PlacementError(
                f"Role.customize_roles keeps CDK from making {declared.arn}: leave this stack out of it, or declare "
                "the role as existing in the chain"
            )
        if self._plain:
            self._plain.hand_on(resource)
        else:
            for key, value in self._tags.items():
                resource.tags.set_tag(key, value, TAG_PRIORITY)
        self.node.default_child = resource
        return role

    @property
    def role_arn(self) -> str:
        """The role's ARN."""
        return self.role.role_arn

    def _resource(self) -> PlainRole:
        # Each look at CDK is a call to another process: its own role takes many, and this is one.
        return PlainRole(
            self,
            "Resource",
            role_name=self.declared.role,
            path=self.declared.path,
            description=self._description,
            assume_role_policy_document=_document(self._trust),
            permissions_boundary=self.declared.boundary_arn,
            max_session_duration=self.declared.max_session_duration,
            managed_policy_arns=list(self.declared.managed_policy_arns) or None,
            tags=[{"key": key, "value": value} for key, value in self._tags.items()],
        )


class SourceRole(ChainRoleConstruct):
    """A source role of a chain, which may assume the first middle role.

    Args:
        scope: as of every role, see ``ChainRoleConstruct``; so are ``id``, ``chain``, ``role`` and ``proof``.
        assumed_by: who may enter here, besides those that the chain declares: any principals of CDK. The proof knows
            only what the chain declares, and reports every other principal that is let in.

    Raises:
        PlacementError: the chain declares no such role, or several, for the stack's account, or nobody may enter.
    """

    kind = "source"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        role: str | ChainRole | None = None,
        proof: bool | None = True,
        assumed_by: iam.IPrincipal | Sequence[iam.IPrincipal] = (),
    ) -> None:
        self._entrances = tuple(assumed_by) if isinstance(assumed_by, Sequence) else (assumed_by,)
        super().__init__(scope, id, chain=chain, role=role, proof=proof)
        if not self._entrances and not self.declared.assumed_by:
            raise PlacementError(
                f"nobody may enter chain {chain.name}: name who assumes its source role {self.declared.role}, in "
                "chain.yaml (assumed_by) or with SourceRole(assumed_by=…)"
            )


class MiddleRole(ChainRoleConstruct):
    """A middle role of a chain, assumed by the role before it and assuming the one behind it."""

    kind = "middle"


class TargetRole(ChainRoleConstruct):
    """A target role of a chain, which only the last middle role may assume."""

    kind = "target"


def _document(statements: Iterable[StatementJson]) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _permissions(statements: Iterable[StatementJson]) -> dict[str, object]:
    # CDK's validator refuses ? in an account, which IAM takes (E3510); it passes an ARN that holds a reference.
    text = re.sub(
        r'"arn:[a-z-]+(?=:iam::\?{12}:)', f'"arn:{Aws.PARTITION}', json.dumps(_document(statements))
    )
    document: dict[str, object] = json.loads(text)
    return document


def _declared_here(scope: Construct, chain: Chain, kind: str, wanted: str | ChainRole | None) -> ChainRole:
    """The one role of a kind that belongs into the stack of ``scope``."""
    if isinstance(wanted, ChainRole) and wanted.member_of in chain.targets:
        return wanted  # of the template of a stack set, whose stacks are of any account
    middle = [role for roles in chain.positions[1:-1] for role in roles]
    roles = {"source": chain.sources, "middle": middle, "target": chain.targets}[kind]
    # Each look at CDK is a call to another process.
    stack = scope if isinstance(scope, Stack) else Stack.of(scope)
    account = stack.account
    if not account.isdecimal():
        raise PlacementError(
            f"stack {stack.node.path} has no account: give it env=Environment(account=…), so that the {kind} role "
            f"of chain {chain.name} is made where the chain declares it"
        )
    name = wanted.role if isinstance(wanted, ChainRole) else wanted
    here = [role for role in roles if role.account == account and name in (None, role.role)]
    if len(here) == 1 and here[0].existing:
        raise PlacementError(
            f"{here[0].arn} exists already, so chain {chain.name} leaves it to its owner: what has to be added there "
            "is told by rolechain.statements.statements_for(chain, role)"
        )
    if len(here) == 1:
        return here[0]
    named = f" named {name}" if name else ""
    if here:
        raise PlacementError(
            f"account {account} holds several {kind} roles of chain {chain.name}: single one out with "
            f"role={' or '.join(repr(role.role) for role in here)}"
        )
    declared = ", ".join(f"{role.role} in {role.account}" for role in roles)
    raise PlacementError(
        f"chain {chain.name} declares no {kind} role{named} in account {account} of stack {stack.node.path}: "
        f"it has {declared}"
    )
