"""A chain in the parameters of its source account."""

from __future__ import annotations

import json

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from rolechain.model.chain import Chain
from rolechain.model.chain_parameters import parameters_of
from rolechain.model.declaration import declaration_of


class ChainParameters(Construct):
    """The declaration of a chain, for ``Chain.from_ssm``: a program finds the roles and what each hop passes by name.

    It takes as many parameters of the standard tier (4 KB each, no charge) as the chain needs, below
    ``/rolechain/<chain>``: thirty targets or so go into one. The documents of policies and the administrators are left
    out: the proof alone reads them. Nothing of it is secret; IAM lets read it who may call
    ``ssm:GetParametersByPath`` there.

    Args:
        scope: a stack of the source account.
        id: the construct's id.
        chain: the chain.
    """

    def __init__(self, scope: Construct, id: str, *, chain: Chain) -> None:  # noqa: A002 - CDK's own name for it
        super().__init__(scope, id)
        for number, (name, value) in enumerate(parameters_of(chain.name, declared(chain)).items(), 1):
            ssm.CfnParameter(
                self,
                f"Part{number}",
                type="String",
                name=name,
                value=value,
                description=f"Part {number} of the chain {chain.name}, read by Chain.from_ssm",
            )


def declared(chain: Chain) -> str:
    """What a program that walks the chain reads of it, as JSON."""
    of_proof = ("policy_documents", "administrators")
    kept = {key: value for key, value in declaration_of(chain).items() if key not in of_proof}
    # SSM takes two braces for a reference to another parameter; in JSON they stand in texts only.
    return json.dumps(kept).replace("{{", "{\\u007b")
