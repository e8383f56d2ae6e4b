"""An input that breaks a rule and one that does not: ``examples/rules/RC01.yaml`` and on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from rolechain import Chain, ChainRole
from rolechain.model.chain_yaml import chain_of_json
from rolechain.proof import Finding, audit, prove
from rolechain.proof.rules import RULES, Rule
from rolechain.statements.builder import permission_statements, trust_statements

FOLDER = Path(__file__).parents[1] / "examples" / "rules"
Json = dict[str, Any]
VERSION = "2012-10-17"


@dataclass(frozen=True)
class RuleExample:
    """A rule, and two inputs for it.

    Attributes:
        rule: the rule.
        chain: the declared chain, as ``chain.yaml`` has it; None for an audit.
        bad: resources by account, then by logical id, of which one breaks the rule. With a chain, they stand beside the
            roles of the chain, or in the place of those with the same logical id.
        good: the same, where nothing breaks the rule.
    """

    rule: Rule
    chain: Json | None
    bad: Json
    good: Json

    @staticmethod
    def of(rule_id: str) -> RuleExample:
        """The example of a rule."""
        (rule,) = [each for each in RULES if each.id == rule_id]
        read = yaml.safe_load((FOLDER / f"{rule_id}.yaml").read_text(encoding="utf-8"))
        return RuleExample(rule, read.get("chain"), read["bad"], read["good"])

    def findings(self, which: Literal["bad", "good"]) -> list[Finding]:
        """What the rule finds in one of the inputs."""
        resources: Json = self.bad if which == "bad" else self.good
        if self.chain is None:
            bodies = {account: {"Resources": found} for account, found in resources.items()}
            found = audit(bodies, {account: account for account in bodies}).findings
        else:
            chain = chain_of_json(json.dumps(self.chain), Chain, self.rule.id)
            bodies = {account: {"Resources": found} for account, found in _made(chain).items()}
            for account, changed in resources.items():
                bodies.setdefault(account, {"Resources": {}})["Resources"].update(changed)
            found = prove(chain, bodies).findings
        return [each for each in found if each.rule == self.rule.id]


def logical_id(role: ChainRole) -> str:
    """``DeployMiddle`` for the role ``deploy-middle``."""
    return "".join(word.capitalize() for word in role.role.split("-"))


def _made(chain: Chain) -> Json:
    """The roles of a chain as resources, by account and logical id; those of organizational units a stack set makes."""
    made: Json = {}
    for role in chain.roles:
        if role.by_unit:
            continue
        properties: Json = {
            "RoleName": role.role,
            "Path": role.path,
            "AssumeRolePolicyDocument": {"Version": VERSION, "Statement": trust_statements(chain, role)},
        }
        if statements := permission_statements(chain, role):
            document = {"Version": VERSION, "Statement": statements}
            properties["Policies"] = [{"PolicyName": "Hops", "PolicyDocument": document}]
        made.setdefault(role.account, {})[logical_id(role)] = {
            "Type": "AWS::IAM::Role",
            "Properties": properties,
        }
    return made
