"""A CDK app of one chain, for where no app was written: ``cdk deploy --app "python -m rolechain.cdk"``.

The chain is read from the file that the context names (``--context chain=FILE``), by default chain.yaml.
"""

import sys

import aws_cdk as cdk

from rolechain.cdk.role_chain import RoleChain
from rolechain.errors import RolechainError
from rolechain.model.chain import Chain


def main() -> int:
    """Synthesizes the app; a chain that is not declared as it must be is said in a line for each mistake."""
    app = cdk.App(analytics_reporting=False)
    try:
        chain = Chain.load(app.node.try_get_context("chain") or "chain.yaml")
        RoleChain(app, chain.name, chain=chain)
    except RolechainError as error:
        print(error, file=sys.stderr)
        return 1
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
