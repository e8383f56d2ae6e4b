"""The JSON Schema of chain.yaml is made from the model, and judges a file as the reader does."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rolechain import Chain, ChainError, ChainRole, Entrance, Quotas
from rolechain.model.keys import (
    CHAIN_KEYS,
    ENTRANCE_KEYS,
    ENTRANCE_KINDS,
    OF_CALLEES,
    OF_TARGETS_BY_UNIT,
    QUOTAS,
    ROLE_KEYS,
)
from rolechain.model.schema import chain_schema

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "constructs/rolechain/chain.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
OIDC = "arn:aws:iam::111111111111:oidc-provider/ci.example.com"
SAML = "arn:aws:iam::111111111111:saml-provider/okta"

SMALLEST: dict[str, Any] = {
    "name": "deploy",
    "source": {"account": "111111111111"},
    "middle": {"account": "222222222222"},
    "targets": {"account": "333333333333"},
}


def test_the_schema_is_the_model_s() -> None:
    """What is checked in is what ``python -m rolechain.model.schema`` writes."""
    assert chain_schema() == SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_tables_know_the_model_s_keys() -> None:
    """A key that is added to the model is added to the tables, from which the reader and the schema are made."""
    assert set(CHAIN_KEYS) == set(signature(Chain).parameters) - {"sources"} == set(SCHEMA["properties"])
    assert [*ROLE_KEYS, "partition", "member_of"] == [field.name for field in fields(ChainRole)]
    assert set(QUOTAS.keys) == {field.name for field in fields(Quotas)}
    assert {*ENTRANCE_KEYS, "kind", "value", "others"} == {field.name for field in fields(Entrance)}
    kinds = SCHEMA["$defs"]
    assert set(kinds["source"]["properties"]) == set(ROLE_KEYS) - set(OF_CALLEES)
    assert set(kinds["role"]["properties"]) == set(ROLE_KEYS) - {"assumed_by", *OF_TARGETS_BY_UNIT}
    assert set(kinds["target"]["properties"]) == {"accounts", *ROLE_KEYS} - {"assumed_by", "replaces"}
    known = {key for option in kinds["entrance"]["oneOf"] for key in option["properties"]}
    assert known == {*ENTRANCE_KINDS, *ENTRANCE_KEYS}


@pytest.mark.parametrize(("title", "keys"), [("The chain", CHAIN_KEYS), ("A role", ROLE_KEYS)])
def test_the_documents_list_every_key(title: str, keys: dict[str, Any]) -> None:
    """docs/chain.md has a row for each key."""
    section = (ROOT / "docs" / "chain.md").read_text().split(f"## {title}\n", 1)[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(keys)


def test_every_key_says_what_it_means() -> None:
    """An editor shows a description of each key."""
    for properties in [SCHEMA["properties"], *_properties(SCHEMA["$defs"])]:
        for key, schema in properties.items():
            described = schema.get("description") or key in {*ENTRANCE_KINDS, "values", "required"}
            assert described, key


def _properties(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema["properties"]
        for each in schema.values():
            yield from _properties(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _properties(each)


WORDS: tuple[Any, ...] = (
    "x",
    "a b",
    "",
    5,
    True,
    None,
    [],
    ["x"],
    ["x", "y"],
    [5],
    {},
    {"a": "b"},
    "111111111111",
)
"""Values of each type, tried under every key."""

ROLE_VALUES: dict[str, tuple[Any, ...]] = {
    "account": ("1", 111111111111, "٣" * 12, "11111111111x"),
    "role": ("a" * 65, "a-b", "é"),
    "path": ("/x/", "x", "/", "/a*/", "/x", "/" + "a/" * 256),
    "description": ("one — two", "plain", "x" * 1001),
    "existing": (False,),
    "third_party": (False,),
    "external_id": ("ext-1", "é1", "x" * 1225),
    "session_tags": (
        {"Stage": ["dev", "test-*"]},
        {"Stage": []},
        {"Stage": {}},
        {"Stage": {"values": "x", "required": False}},
        {"Stage": {"required": "no"}},
        {"Stage": {"needed": True}},
        {"Stage": "x" * 257},
        {"": "x"},
        {f"key-{number}": "x" for number in range(51)},
    ),
    "source_identity": (
        "ann",
        ["ann", "b*"],
        {"values": [], "required": True},
        {"values": "ann"},
        {"value": "ann"},
    ),
    "duration_seconds": (899, 900, 3600, 3601, "3600"),
    "policy": ({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, {"Version": "2012-10-17"}),
    "policy_arns": (
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "ReadOnlyAccess",
        ["arn:aws:iam::aws:policy/ReadOnlyAccess"] * 11,
    ),
    "trust": ("principal_arn", "role_arn", "account", "anyone"),
    "organizational_units": ("r-ab12/ou-ab12-11111111", "ou-ab12"),
    "exclude": ("444444444444", "4"),
    "stack_set": (
        {"failure_tolerance_percentage": 10},
        {"failure_tolerance_percentage": 101},
        {"max_concurrent_count": 0},
        {"call_as": "ANYBODY"},
        {"depends_on": "arn:aws:cloudformation:us-east-1:222222222222:stackset/network:1a-2b"},
        {"depends_on": "network"},
        {"administrator_account": "2"},
    ),
    "caller_organizational_units": ("r-ab12/ou-ab12-11111111", "ou-ab12"),
    "permissions_boundary": ("arn:aws:iam::333333333333:policy/limit", "team/limit", "a:b"),
    "managed_policies": ("ReadOnlyAccess", ["ReadOnlyAccess", "a b"]),
    "permissions": (
        {"actions": "ssm:Get*", "resources": "*"},
        {"actions": "GetParameter", "resources": "*"},
        {"actions": "ssm:*", "resources": "parameter"},
        {"actions": "ssm:*"},
        {"actions": [], "resources": "*"},
    ),
    "max_session_duration": (3599, 3600, 43200, 43201, "3600"),
}
ENTRANCES: tuple[dict[str, Any], ...] = (
    {"service": "lambda.amazonaws.com"},
    {"service": "lambda"},
    {"service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]},
    {"account": "777777777777"},
    {"arn": "arn:aws:iam::777777777777:user/ann"},
    {"arn": "arn:aws:iam::777777777777:role/*"},
    {"oidc": OIDC, "audience": "sts", "subject": "repo:acme/app:*"},
    {"oidc": OIDC, "audience": "sts"},
    {"saml": SAML},
    {"saml": "okta"},
    {"permission_set": "DeployAccess"},
    {"permission_set": "Deploy Access"},
    {"service": "lambda.amazonaws.com", "account": "777777777777"},
    {"audience": "sts"},
)
ENTRANCE_VALUES: dict[str, tuple[Any, ...]] = {
    "audience": ("sts", ["sts", "aws"]),
    "subject": ("repo:*",),
    "external_id": ("ext-1", "acme@*", "*", "é1"),
    "mfa_max_age": (0, 60, 129601),
    "session_tags": ({"Project": "apollo"},),
    "transitive_tag_keys": ("Project",),
    "source_identity": ("ann", "a b"),
    "until": ("2026-12-01T00:00Z", "2026-12-01T00:00:00+01:00", "2026-12-01", "2026-12-01T00:00"),
    "source_account": ("777777777777", ["7"]),
    "source_arn": ("arn:aws:codebuild:us-east-1:777777777777:project/app", "arn:aws:x", "app"),
    "source_organization": ("o-exampleorg1", "o-x"),
    "certificate": ({"x509Subject/CN": "build"}, {"CN": "build"}, {"x509Subject/CN": ""}),
}
CHAIN_VALUES: dict[str, tuple[Any, ...]] = {
    "name": ("1st", "deploy-2", "d" * 65),
    "organization": ("o-exampleorg1", "exampleorg1"),
    "region": ("eu-west-1", "mars"),
    "partition": ("aws", "aws-moon"),
    "quotas": (
        {"role_trust_policy_length": 4096},
        {"role_trust_policy_length": 9000},
        {"managed_policies_per_role": "10"},
        {"trust": 1},
    ),
    "policy_documents": (
        {"arn:aws:iam::333333333333:policy/x": {"Statement": []}},
        {"arn:aws:iam::333333333333:policy/x": {}},
        {"limit": {"Statement": []}},
    ),
    "administrators": ("arn:aws:iam::*:role/admin/*", ["admin"]),
    "revoked_before": (
        "2026-12-01T00:00:00Z",
        "2026-12-01",
        "2026-13-01T00:00:00Z",
        "2026-12-01T00:00:00+01:00",
    ),
}


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Chains with one thing changed, each with what was changed."""
    for key in CHAIN_KEYS:
        for value in (*WORDS, *CHAIN_VALUES.get(key, ())):
            yield f"{key}: {value!r}", {**SMALLEST, key: value}
        yield f"no {key}", {name: each for name, each in SMALLEST.items() if name != key}
    for kind in ("source", "targets"):
        for key in ("rol", "accounts", *ROLE_KEYS):
            for value in (*WORDS, *ROLE_VALUES.get(key, ())):
                if kind == "source" and key in OF_CALLEES and value == IDLE.get(key):
                    continue
                changed = copy.deepcopy(SMALLEST)
                changed[kind][key] = value
                yield f"{kind}.{key}: {value!r}", changed
    for entrance in ENTRANCES:
        for key in ("", *ENTRANCE_KEYS):
            for value in (*WORDS, *ENTRANCE_VALUES.get(key, ())) if key else (None,):
                if key and not set(entrance) & set(ENTRANCE_KEYS[key].kinds) and value == IDLE.get(key):
                    continue
                changed = copy.deepcopy(SMALLEST)
                changed["source"]["assumed_by"] = {**entrance, key: value} if key else entrance
                yield f"{changed['source']['assumed_by']!r}", changed


BEYOND = (
    "it needs the organization",  # and the chain declares none
    "is not one of the session tags",
    "lies in partition",
    "cannot be read",  # a document's file
    "the console cannot switch",
    "add existing: true",
    "is not JSON",
    "the policy is",
    "begins with aws:",
    "is not a tag key",
    "is not a tag value",
    "is not a source identity",  # its length beside a wildcard
    "mfa_max_age needs mfa",
    "mfa is for IAM users",
    "iam_users: false excludes them",
    "needs an external_id",
    "declare an external_id that is unique to you",
    "and IAM refuses a provider of another account",
    "certificate is for rolesanywhere",
    "statement 0",
    "Statement",
    "remove one",
    "is for a target by organizational unit",
)
"""What the reader refuses and a schema does not see, as it compares keys, or reads further."""


IDLE = {"iam_users": True, "certificate": {}, "session_tags": {}}
"""Values that say nothing: where a key is for something else, the reader takes them, and an editor underlines it."""


def refused(folder: Path, document: dict[str, Any]) -> list[str]:
    """What the reader says of a document; nothing where it takes it."""
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    try:
        Chain.load(path)
    except ChainError as error:
        return [problem.message for problem in error.problems]
    return []


def test_schema_and_reader_agree(tmp_path: Path) -> None:
    """Whatever is changed of a chain: the schema takes it if the reader does, and refuses what a schema can see."""
    differ, verdicts = [], set()
    for what, document in documents():
        messages = refused(tmp_path, document)
        schema_takes = VALIDATOR.is_valid(document)
        seen = [message for message in messages if not any(words in message for words in BEYOND)]
        verdicts.add((not messages, schema_takes))
        if (not messages and not schema_takes) or (seen and schema_takes):
            differ.append((what, messages, schema_takes))
    assert differ == []
    assert {(True, True), (False, False), (False, True)} == verdicts


@pytest.mark.parametrize("name", ["chain.yaml", "examples/every-feature.yaml"])
def test_the_schema_takes_what_is_read(name: str) -> None:
    """The repository's own chains are valid for the editor."""
    document = yaml.safe_load((ROOT / name).read_text())
    assert list(VALIDATOR.iter_errors(document)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"account": "1"},
        {"account": 111111111111},
        {"rol": "x"},
        {"trust": "anyone"},
        {"external_id": "x"},
        {"max_session_duration": 60},
        {"path": "x"},
        {"role": ""},
        {"description": "one — two"},
        {"max_session_duration": "3600"},
        {"managed_policies": []},
        {"organizational_units": []},
        {"accounts": ["444444444444"]},
        {"session_tags": {"Stage": []}},
        {"policy": []},
        {"policy": {"Version": "2012-10-17"}},
        {"policy_arns": []},
        {"policy_arns": "ReadOnlyAccess"},
        {"policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"] * 11},
        {"source_identity": {"values": []}},
        {"permissions": {"actions": "GetParameter", "resources": "*"}},
        {"permissions": {"actions": "ssm:*", "resources": "parameter"}},
    ],
)
def test_the_schema_refuses_what_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """What the reader refuses in a role is underlined by the editor too."""
    document = copy.deepcopy(SMALLEST)
    document["targets"] |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)
    assert refused(tmp_path, document)


@pytest.mark.parametrize(
    "change",
    [
        {"trust": "role_arn"},
        {"external_id": "jump-1"},
        {"policy": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}},
        {"assumed_by": {"account": "777777777777", "subject": "ann"}},
        {"assumed_by": {"service": "lambda.amazonaws.com", "audience": "x"}},
        {"assumed_by": {"saml": "arn:aws:iam::111111111111:saml-provider/a", "subject": "x"}},
        {"assumed_by": []},
    ],
)
def test_the_schema_refuses_what_is_refused_of_a_source(tmp_path: Path, change: dict[str, Any]) -> None:
    """Likewise for the role where the chain is entered."""
    document = copy.deepcopy(SMALLEST)
    document["source"] |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)
    assert refused(tmp_path, document)
