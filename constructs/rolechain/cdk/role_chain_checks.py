"""The rules that concern one role alone, as a pack of cdk-nag."""

from __future__ import annotations

from typing import Any, cast

import jsii
from aws_cdk import CfnResource, Stack, Token
from aws_cdk import aws_iam as iam
from cdk_nag import IApplyRule, NagMessageLevel, NagPack, NagRuleCompliance
from constructs import IConstruct

from rolechain.proof import Finding, Level, Template, role_graph_of
from rolechain.proof.rules import RULES, UNKNOWN, Rule, check

ALONE = (
    *("RC01", "RC02", "RC03", "RC04", "RC06", "RC16", "RC17", "RC18", "RC19"),
    *("RC24", "RC25", "RC26", "RC27", "RC28", "RC36", "RC37"),
)
"""The rules whose answer a role's own resources and policies hold; the others need ``ChainProof``."""


class RoleChainChecks(NagPack):
    """A cdk-nag pack of the rules that concern one role alone, for apps that live in cdk-nag.

    It checks every role of the app, whether a chain declares it or not. Register it with
    ``Validations.of(app).add_plugins(RoleChainChecks(app))``; findings are acknowledged as those of any pack.
    What needs more than one role (a hop, a way in, an order of deployment) is proven by ``ChainProof``.

    Args:
        scope: the app.
    """

    def __init__(self, scope: IConstruct | None = None) -> None:
        super().__init__(scope)
        self._pack_name = self.name
        self._found: dict[tuple[str, str], list[Finding]] | None = None

    @property
    def name(self) -> str:
        """The pack's name, with which its findings begin."""
        return "RoleChain"

    def _check_resource(self, node: CfnResource) -> None:
        if _properties_of(node) is None:
            return
        if self._found is None:
            self._found = _findings(node.node.root)
        stack = Stack.of(node)
        found = self._found.get((stack.artifact_id, stack.get_logical_id(node)), [])
        for rule in (UNKNOWN, *RULES):
            if rule is UNKNOWN or rule.id in ALONE:
                broken = [finding for finding in found if finding.rule == rule.id]
                self._apply_rule(cast(IApplyRule, _Applied(node, rule, broken)))


def _findings(root: IConstruct) -> dict[tuple[str, str], list[Finding]]:
    """The findings about an app's roles and policies, by stack and logical id."""
    stacks = [node for node in root.node.find_all() if isinstance(node, Stack)]
    world = role_graph_of(
        Template(
            stack.artifact_id,
            {"Resources": _iam_resources(stack)},
            None if Token.is_unresolved(stack.account) else stack.account,
        )
        for stack in stacks
    )
    found: dict[tuple[str, str], list[Finding]] = {}
    # The rules skip a statement whose values are unknown: the finding that they are unknown takes their place.
    unknown = [finding for finding in world.unknown if finding.place and finding.place.statement is not None]
    for finding in (*unknown, *check(world, None)):
        if finding.place:
            found.setdefault((finding.place.template, finding.place.logical_id), []).append(finding)
    return found


def _iam_resources(stack: Stack) -> dict[str, Any]:
    """The roles and policies of a stack as they will stand in its template."""
    resources: dict[str, Any] = {}
    for node in stack.node.find_all():
        if not isinstance(node, CfnResource) or Stack.of(node).node.path != stack.node.path:
            continue
        properties = _properties_of(node)
        if properties is not None:
            resources[stack.get_logical_id(node)] = {
                "Type": node.cfn_resource_type,
                "Properties": {
                    name: value for name, value in stack.resolve(properties).items() if value is not None
                },
            }
    return resources


def _properties_of(node: CfnResource) -> dict[str, Any] | None:
    if isinstance(node, iam.CfnRole):
        return {
            "RoleName": node.role_name,
            "Path": node.path,
            "AssumeRolePolicyDocument": node.assume_role_policy_document,
            "ManagedPolicyArns": node.managed_policy_arns,
            "Policies": node.policies,
            "PermissionsBoundary": node.permissions_boundary,
            "MaxSessionDuration": node.max_session_duration,
        }
    if isinstance(node, iam.CfnManagedPolicy):
        return {"PolicyDocument": node.policy_document, "Roles": node.roles, "Path": node.path}
    if isinstance(node, iam.CfnPolicy):
        return {"PolicyDocument": node.policy_document, "Roles": node.roles, "PolicyName": node.policy_name}
    return None


@jsii.implements(IApplyRule)
class _Applied:
    """One rule, applied to one role."""

    def __init__(self, node: CfnResource, rule: Rule, findings: list[Finding]) -> None:
        self._node, self._rule, self._findings = node, rule, findings

    @property
    def rule_suffix_override(self) -> str:
        return self._rule.id

    @property
    def info(self) -> str:
        found = "; ".join(
            dict.fromkeys(f"{finding.message}; {finding.remediation}" for finding in self._findings)
        )
        return found or self._rule.title

    @property
    def explanation(self) -> str:
        return f"it prevents: {self._rule.prevents}"

    @property
    def level(self) -> NagMessageLevel:
        warning = (self._findings[0].level if self._findings else self._rule.levels[0]) is Level.WARNING
        return NagMessageLevel.WARN if warning else NagMessageLevel.ERROR

    @property
    def node(self) -> CfnResource:
        return self._node

    def rule(self, _node: CfnResource) -> NagRuleCompliance:
        return NagRuleCompliance.NON_COMPLIANT if self._findings else NagRuleCompliance.COMPLIANT
