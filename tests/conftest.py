"""What every test relies on."""

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

if stray := list((ROOT / "constructs").glob("*.py")):
    pytest.exit(
        f"{stray[0]} shadows the PyPI package constructs: the source root takes no .py file", returncode=4
    )

# CDK starts the first Node on PATH, which may be one that it no longer supports.
if "JSII_NODE" not in os.environ and importlib.util.find_spec("aws_cdk"):
    from rolechain.cli.toolchain import find_node

    os.environ["JSII_NODE"] = str(find_node())

# Nothing here may reach AWS, or read the credentials of whoever runs the tests.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
