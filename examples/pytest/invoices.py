"""An application that numbers invoices: the last number is kept in another account."""

from rolechain import Chain
from rolechain.runtime import chain_session


def next_number(chain: Chain) -> int:
    """Takes the next number."""
    session = chain_session(*chain.hops_to("333333333333"), region_name=chain.region)
    ssm = session.client("ssm")
    number = int(ssm.get_parameter(Name="/invoices/last")["Parameter"]["Value"]) + 1
    ssm.put_parameter(Name="/invoices/last", Value=str(number), Type="String", Overwrite=True)
    return number
