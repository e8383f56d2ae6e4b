"""Asks for its task once a minute, for as long as the words say: ``python worker.py MINUTES``."""

import sys
import time

from rolechain import Chain
from rolechain.runtime import Cause, HopError, chain_session

chain = Chain.load("chain.yaml")
# One session and one client serve for the life of the process: they renew themselves.
session = chain_session(*chain.hops_to("333333333333"), region_name=chain.region)
ssm = session.client("ssm")

for minute in range(int(sys.argv[1])):
    try:
        task = ssm.get_parameter(Name="/worker/task")["Parameter"]["Value"]
        print(f"minute {minute}: {task}", flush=True)
    except HopError as error:
        # These pass by themselves. Of any other the message says which role to change.
        if error.cause not in (Cause.THROTTLED, Cause.NETWORK):
            raise
        print(f"minute {minute}: {error}", flush=True)
    time.sleep(60)
