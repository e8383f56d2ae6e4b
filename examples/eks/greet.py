"""What the pod runs: reads a greeting in the target account."""

from rolechain import Chain
from rolechain.runtime import chain_session

chain = Chain.load("chain.yaml")
session = chain_session(*chain.hops_to("333333333333"), region_name=chain.region)
print(session.client("ssm").get_parameter(Name="/pods/greeting")["Parameter"]["Value"])
