"""A CDK app of one chain, for where no app was written: ``cdk deploy --app "python -m rolechain.cdk"``.

The chain is read from the file that the context names (``--context chain=FILE``), by default chain.yaml.
"""

import sys

from rolechain.cdk.app import synthesize
from rolechain.cdk.role_chain import RoleChain

if __name__ == "__main__":
    sys.exit(synthesize(lambda app, chain: RoleChain(app, chain.name, chain=chain)))
