"""What of a template is fit for a snapshot."""

from rolechain.testing import normalised

HASH = "0123456789abcdef" * 4


def test_what_cdk_adds_is_left_out() -> None:
    """The bootstrap's version, its rule, metadata and the sections that are empty then are gone; the rest stays."""
    template = {
        "Metadata": {"cfn": "x"},
        "Parameters": {"BootstrapVersion": {"Type": "String"}},
        "Rules": {"CheckBootstrapVersion": {}},
        "Conditions": {"CDKMetadataAvailable": {}, "Own": {"Fn::Equals": ["a", "a"]}},
        "Resources": {
            "CDKMetadata": {"Type": "AWS::CDK::Metadata"},
            "Role": {"Type": "AWS::IAM::Role", "Metadata": {"aws:cdk:path": "x"}, "DependsOn": ["Metadata"]},
        },
    }
    assert normalised(template) == {
        "Conditions": {"Own": {"Fn::Equals": ["a", "a"]}},
        "Resources": {"Role": {"Type": "AWS::IAM::Role", "DependsOn": ["Metadata"]}},
    }


def test_asset_hashes_are_replaced() -> None:
    """A hash of an asset stands as <hash> wherever it is, and no other text changes."""
    code = {"S3Key": f"{HASH}.zip", "S3Bucket": "cdk-assets", f"Asset{HASH}": ["x", f"/{HASH}/y"]}
    template = {"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": {"Code": code}}}}
    assert normalised(template)["Resources"]["Function"]["Properties"]["Code"] == {
        "S3Key": "<hash>.zip",
        "S3Bucket": "cdk-assets",
        "Asset<hash>": ["x", "/<hash>/y"],
    }


def test_a_property_named_metadata_stays() -> None:
    """Only the metadata of the template and of its resources is left out."""
    template = {"Resources": {"Thing": {"Type": "X", "Properties": {"Metadata": {"a": 1}}}}}
    assert normalised(template) == template
