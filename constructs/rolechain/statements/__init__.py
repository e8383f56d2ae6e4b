"""Both halves of each hop as IAM statements, packed into the quotas of IAM."""

from rolechain.statements.builder import permission_statements, statements_for, trust_statements

__all__ = ["permission_statements", "statements_for", "trust_statements"]
