"""What can be wrong with a role chain: the rules RC01 to RC40."""

from rolechain.proof.rules.rule import Rule
from rolechain.proof.rules.table import RULES, check

__all__ = ["RULES", "Rule", "check"]
