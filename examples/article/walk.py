"""The walk of walk.mjs."""

from rolechain import Chain
from rolechain.runtime import chain_session

chain = Chain.load("chain.yaml")
session = chain_session(*chain.hops_to("333333333333"), region_name=chain.region)
print(session.client("sts").get_caller_identity()["Arn"])
