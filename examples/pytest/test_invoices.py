"""The application's tests: its calls are decided by the policies of the chain, on this machine."""

import pytest
from botocore.exceptions import ClientError
from invoices import next_number

from rolechain.runtime import chain_session
from rolechain.testing import LocalChain


def test_numbers_follow_one_another(local_chain: LocalChain) -> None:
    """The number goes up in the account that keeps it."""
    administrator = local_chain.organization.session("333333333333").client("ssm")
    administrator.put_parameter(Name="/invoices/last", Value="41", Type="String")
    assert [next_number(local_chain.chain) for _ in range(2)] == [42, 43]
    assert administrator.get_parameter(Name="/invoices/last")["Parameter"]["Value"] == "43"


def test_the_application_reads_nothing_else(local_chain: LocalChain) -> None:
    """What the target role does not permit is refused here as it would be there."""
    ssm = chain_session(*local_chain.chain.hops_to("333333333333"), region_name="us-east-1").client("ssm")
    with pytest.raises(ClientError, match="AccessDenied"):
        ssm.get_parameter(Name="/salaries/ann")
