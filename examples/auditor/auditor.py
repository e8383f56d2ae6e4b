"""The auditor's program: counts the users of each account of this customer. It needs no chain.yaml."""

from rolechain.runtime import Hop, HopError, fan_out

ENTRY = Hop("arn:aws:iam::111111111111:role/rolechain/audit-entry", external_id="acme-5d1f09c2")
MIDDLE = "arn:aws:iam::222222222222:role/rolechain/audit-middle"
TARGETS = [
    f"arn:aws:iam::{account}:role/rolechain/audit-target" for account in ("333333333333", "444444444444")
]

for target, result in sorted(fan_out([ENTRY, MIDDLE], TARGETS), key=lambda pair: str(pair[0])):
    if isinstance(result, HopError):
        raise result
    summary = result.client("iam").get_account_summary()["SummaryMap"]
    print(f"{target.split(':')[4]}: {summary['Users']} users")
