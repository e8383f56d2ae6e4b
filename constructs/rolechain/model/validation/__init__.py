"""What a declared chain must satisfy, so that IAM and STS accept what is made of it.

The patterns and limits are those of the IAM and STS API references and of the IAM quotas page.
"""

from rolechain.model.validation.chain import problems_of

__all__ = ["problems_of"]
