"""A chain read from YAML, every mistake with its line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from rolechain import Chain, ChainError, ChainRole, Entrance, Permission, Quotas, SessionTag, SourceIdentity
from rolechain.model.keys import CHAIN_KEYS
from rolechain.model.schema import chain_schema

ROOT = Path(__file__).parents[2]

SMALLEST = """\
name: deploy
source: {account: "111111111111"}
middle: {account: "222222222222"}
targets: {account: "333333333333"}
"""

LARGEST = """\
name: deploy
organization: o-exampleorg1
region: us-gov-west-1
partition: aws-us-gov
source:
  account: "111111111111"
  role: entry
  path: /jump/
  description: where it begins
  assumed_by:
    - service: lambda.amazonaws.com
    - oidc: arn:aws-us-gov:iam::111111111111:oidc-provider/ci.example.com
      audience: sts
      subject: repo:acme/app:*
middle:
  - {account: "222222222222", trust: role_arn}
  - {account: "222222222222", role: second, max_session_duration: 7200}
targets:
  - account: "333333333333"
    external_id: ext-1
    managed_policies: [ReadOnlyAccess]
    permissions:
      actions: [ssm:GetParameter]
      resources: "*"
  - {account: "444444444444"}
"""

FEATURES = """\
name: deploy
organization: o-exampleorg1
quotas: {role_trust_policy_length: 4096}
source:
  - account: "111111111111"
    assumed_by:
      - {arn: "arn:aws:iam::777777777777:user/ann", mfa: true, mfa_max_age: 900}
      - {account: "777777777777", iam_users: false}
  - {account: "888888888888", role: vendor, existing: true, third_party: true}
middle:
  account: "222222222222"
  external_id: jump-1
  session_tags:
    Project: apollo
    Stage: [dev, test-*]
    Ticket: {values: INC-*, required: false}
    Team: {}
  transitive_tag_keys: Project
  permissions_boundary: fence
targets:
  account: "333333333333"
  source_identity: {values: [ann, b*], required: false}
  duration_seconds: 900
  policy: {Statement: {Effect: Allow, Action: "s3:Get*", Resource: "*"}}
  policy_arns: arn:aws:iam::aws:policy/ReadOnlyAccess
  caller_organizational_units: r-ab12/ou-ab12-11111111
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str) -> Path:
        path = tmp_path / "chain.yaml"
        path.write_text(text)
        return path

    return _write


def refused(path: Path) -> list[str]:
    with pytest.raises(ChainError) as caught:
        Chain.load(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_the_smallest_file(write: Write) -> None:
    """Three accounts are enough; the file and Python declare the same chain."""
    assert Chain.load(write(SMALLEST)) == Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )


def test_the_largest_file(write: Write) -> None:
    """Every key of the file arrives in the chain."""
    assert Chain.load(write(LARGEST)) == Chain(
        "deploy",
        organization="o-exampleorg1",
        region="us-gov-west-1",
        partition="aws-us-gov",
        source=ChainRole(
            "111111111111",
            "entry",
            "/jump/",
            "where it begins",
            assumed_by=(
                Entrance.service("lambda.amazonaws.com"),
                Entrance.oidc(
                    "arn:aws-us-gov:iam::111111111111:oidc-provider/ci.example.com",
                    audience="sts",
                    subject="repo:acme/app:*",
                ),
            ),
        ),
        middle=[
            ChainRole("222222222222", trust="role_arn"),
            ChainRole("222222222222", "second", max_session_duration=7200),
        ],
        targets=[
            ChainRole(
                "333333333333",
                external_id="ext-1",
                managed_policies=("ReadOnlyAccess",),
                permissions=(Permission(["ssm:GetParameter"], ["*"]),),
            ),
            ChainRole("444444444444"),
        ],
    )


def test_every_feature(write: Write) -> None:
    """Tags, the source identity and flags arrive in the chain in each of the ways that they can be written."""
    chain = Chain.load(write(FEATURES))
    assert chain == Chain(
        "deploy",
        organization="o-exampleorg1",
        quotas=Quotas(role_trust_policy_length=4096),
        source=[
            ChainRole(
                "111111111111",
                assumed_by=[
                    Entrance.arn("arn:aws:iam::777777777777:user/ann", mfa=True, mfa_max_age=900),
                    Entrance.account("777777777777", iam_users=False),
                ],
            ),
            ChainRole("888888888888", "vendor", existing=True, third_party=True),
        ],
        middle=ChainRole(
            "222222222222",
            external_id="jump-1",
            session_tags=[
                SessionTag("Project", ["apollo"]),
                SessionTag("Stage", ["dev", "test-*"]),
                SessionTag("Ticket", ["INC-*"], required=False),
                SessionTag("Team"),
            ],
            transitive_tag_keys=["Project"],
            permissions_boundary="fence",
        ),
        targets=ChainRole(
            "333333333333",
            source_identity=SourceIdentity(["ann", "b*"], required=False),
            duration_seconds=900,
            policy={"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}},
            policy_arns="arn:aws:iam::aws:policy/ReadOnlyAccess",
            caller_organizational_units=["r-ab12/ou-ab12-11111111"],
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "Project: apollo",
            "Project: 7",
            "14: middle[0].session_tags.Project: 7 is a number to YAML: put it in quotes",
        ),
        (
            "Stage: [dev, test-*]",
            "Project: x",
            "15: middle[0].session_tags.Project: the key occurs twice: remove one",
        ),
        (
            "mfa: true",
            "mfa: maybe",
            "7: source[0].assumed_by[0].mfa: 'maybe' is neither true nor false: write one of them",
        ),
        (
            "required: false}\n    Team",
            "needed: false}\n    Team",
            "16: middle[0].session_tags.Ticket.needed: unknown key: the known keys are values, required",
        ),
        (
            "{role_trust_policy_length: 4096}",
            "{trust_policy: 4096}",
            "3: quotas.trust_policy: unknown key: did you mean role_trust_policy_length?",
        ),
        (
            "{role_trust_policy_length: 4096}",
            "{role_trust_policy_length: many}",
            "3: quotas.role_trust_policy_length: 'many' is not a whole number: write a number",
        ),
        (
            "role: vendor,",
            "role: vendor, external_id: x1,",
            "9: source[1].external_id: no hop ends in the source role: declare it on the role that the hop assumes",
        ),
        (
            "duration_seconds: 900",
            "duration_seconds: 7200",
            "23: targets[0].duration_seconds: 7200 seconds: STS gives a chained session 3600 at most; write that or "
            "less, and let the runtime renew the hop for longer work",
        ),
    ],
)
def test_a_mistake_in_a_feature(write: Write, old: str, new: str, expected: str) -> None:
    """A mistake in a feature has its line and its cure too."""
    assert old in FEATURES
    assert refused(write(FEATURES.replace(old, new, 1))) == [expected]


def test_the_repository_s_own_chain() -> None:
    """The chain.yaml that the app deploys is read, and has three accounts."""
    assert Chain.load(ROOT / "chain.yaml").accounts == ("111111111111", "222222222222", "333333333333")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            '"333333333333"',
            "333333333333",
            ["4: targets[0].account: 333333333333 is a number to YAML: put it in quotes"],
        ),
        (
            '"333333333333"',
            "011111111111",
            ["4: targets[0].account: 011111111111 is a number to YAML: put it in quotes"],
        ),
        (
            '"333333333333"',
            '"3333333333333"',
            ["4: targets[0].account: '3333333333333' has 13 characters: an account id is 12 digits"],
        ),
        ("source: {", "source: {rol: x, ", ["2: source.rol: unknown key: did you mean role?"]),
        (
            "name: deploy",
            "zone: 1\nname: deploy",
            [
                "1: zone: unknown key: the known keys are name, organization, region, partition, quotas, "
                "policy_documents, "
                "administrators, revoked_before, source, middle, targets"
            ],
        ),
        (
            "name: deploy",
            "name: deploy\nadministrators: [admin]",
            [
                "2: administrators[0]: 'admin' is not a role's, user's or group's ARN: write "
                "arn:aws:iam::<account>:role/<path and name>, in which * and ? are wildcards"
            ],
        ),
        (
            "name: deploy",
            "name: deploy\nrevoked_before: yesterday",
            [
                "2: revoked_before: 'yesterday' is not a time in UTC to the second: write one such as "
                '"2026-12-01T00:00:00Z", in quotes'
            ],
        ),
        (
            "name: deploy",
            "name: deploy\nrevoked_before: 2026-12-01T00:00:00Z",
            ["2: revoked_before: 2026-12-01T00:00:00Z is a timestamp to YAML: put it in quotes"],
        ),
        ("name: deploy", "name: deploy\nname: again", ["2: name: the key occurs twice: remove one"]),
        ("name: deploy\n", "", ["1: name: missing: every chain has one"]),
        (
            '{account: "222222222222"}',
            "{role: x}",
            ["3: middle[0].account: missing: every entry here has one"],
        ),
        (
            '{account: "222222222222"}',
            "somewhere",
            ["3: middle[0]: expected a mapping, with keys such as account, role, path"],
        ),
        ("name: deploy", "name: [deploy]", ["1: name: expected a string, not a list or mapping"]),
        (
            "name: deploy",
            "name: deploy\norganization:",
            ["2: organization: no value: add one, or remove the key"],
        ),
        ("source: {", "source:\n\taccount: {", ["3: a tab indents this line: indent with spaces"]),
        ("name: deploy", "name: {deploy", ["2: not valid YAML: expected ',' or '}', but got ':'"]),
        (
            "source: {",
            "source: {assumed_by: {service: lambda.amazonaws.com, account: '111111111111'}, ",
            [
                "2: source.assumed_by[0]: declare one principal, as one of "
                "service, account, arn, oidc, saml, permission_set"
            ],
        ),
        (
            "source: {",
            "source: {max_session_duration: 1h, ",
            ["2: source.max_session_duration: '1h' is not a whole number: write seconds"],
        ),
        (
            "source: {",
            "source: {permissions: [{actions: 's3:*'}], ",
            ["2: source.permissions[0].resources: missing: every entry here has one"],
        ),
        (
            '{account: "333333333333"}',
            "{",
            ["4: not valid YAML: expected the node content, but found '<stream end>'"],
        ),
        (
            "name: deploy",
            "name: deploy\n? [a]\n: b",
            [f"2: […]: unknown key: the known keys are {', '.join(CHAIN_KEYS)}"],
        ),
        (
            "source: {",
            "source: {max_session_duration: '3600', ",
            [
                "2: source.max_session_duration: '3600' is not a whole number: remove the quotes, and write seconds",
            ],
        ),
        (
            "source: {",
            "source: {role: '', ",
            ["2: source.role: no value: add one, or remove the key"],
        ),
        (
            "source: {",
            "source: {assumed_by: {saml: arn:aws:iam::111111111111:saml-provider/a, subject: ann}, ",
            [
                "2: source.assumed_by[0]: subject is for oidc, and saml arn:aws:iam::111111111111:saml-provider/a has "
                "none: remove it"
            ],
        ),
    ],
)
def test_a_mistake_in_the_file(write: Write, old: str, new: str, expected: list[str]) -> None:
    """Each mistake is one line: the file, the line, the place, what was wrong and what to do."""
    assert old in SMALLEST
    assert refused(write(SMALLEST.replace(old, new, 1))) == expected


@pytest.mark.parametrize(
    "asked",
    [
        "session_tags: {Stage: []}",
        "source_identity: []",
        "source_identity: {values: []}",
        "caller_organizational_units: []",
    ],
)
def test_an_empty_list_asks_for_nothing(write: Write, asked: str) -> None:
    """What would let every value through, as a list is empty, is refused."""
    (line,) = refused(write(SMALLEST.replace('"222222222222"', f'"222222222222", {asked}')))
    assert line.startswith("3: middle[0].")
    assert line.endswith(": the list is empty: add a value, or remove the key")


def test_a_file_that_is_nested_without_end(write: Write) -> None:
    """Brackets upon brackets are refused in a line."""
    with pytest.raises(ChainError, match="nested too deeply for a chain: remove levels"):
        Chain.load(write("[" * 5000))


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that is not there is said with its name and what to do."""
    with pytest.raises(ChainError, match=r"nowhere\.yaml: no such file: create it .*--chain"):
        Chain.load(tmp_path / "nowhere.yaml")


def test_files_that_are_no_text(tmp_path: Path, write: Write) -> None:
    """A folder, bytes that are no text, and an empty file are each said in one line."""
    with pytest.raises(ChainError, match="cannot be read: Is a directory"):
        Chain.load(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ChainError, match="cannot be read: it is not UTF-8 text"):
        Chain.load(tmp_path / "binary.yaml")
    with pytest.raises(ChainError, match="the file is empty: declare name, source and targets"):
        Chain.load(write("# nothing\n"))


def test_mistakes_stand_in_the_order_of_the_file(write: Write) -> None:
    """All mistakes of a file are reported together, by line."""
    text = SMALLEST.replace('"333333333333"', '"3"').replace("name: deploy", "name: 1st\nregion: mars")
    assert [line.split(": ")[:2] for line in refused(write(text)) if ".role" not in line] == [
        ["1", "name"],
        ["2", "region"],
        ["5", "targets[0].account"],
    ]


@pytest.mark.parametrize("text", [SMALLEST, LARGEST, FEATURES, (ROOT / "chain.yaml").read_text()])
def test_the_schema_takes_what_is_read(text: str) -> None:
    """What the reader takes is valid for the editor's JSON Schema."""
    jsonschema.validate(yaml.safe_load(text), chain_schema())


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    """A file beyond 1 MiB is refused in one line, before YAML reads it; one of 1 MiB is read."""
    path = tmp_path / "chain.yaml"
    filled = SMALLEST + "#" * (1024 * 1024 - len(SMALLEST))
    path.write_text(filled)
    assert Chain.load(path).name == "deploy"
    path.write_text(filled + "\n")
    with pytest.raises(ChainError) as caught:
        Chain.load(path)
    assert (
        str(caught.value) == f"{path}: the file is larger than 1 MiB: name a chain of its own for each part"
    )


@pytest.mark.parametrize("text", [SMALLEST, LARGEST, FEATURES])
def test_a_chain_in_json_is_the_same_chain(write: Write, tmp_path: Path, text: str) -> None:
    """A file that ends in .json declares what the YAML of the same content does."""
    file = tmp_path / "chain.json"
    file.write_text(json.dumps(yaml.safe_load(text), indent=2))
    assert Chain.load(file) == Chain.load(write(text))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"333333333333"', "33", "5: targets[0].account: 33 is a number to JSON: put it in quotes"),
        (
            '"333333333333"',
            '"33"',
            "5: targets[0].account: '33' has 2 characters: an account id is 12 digits",
        ),
        ('"account"', '"acount"', "3: source.acount: unknown key: did you mean account?"),
        ('"name": "deploy"', '"name": "a", "name": "b"', "2: name: the key occurs twice: remove one"),
        ('"name": "deploy",', "", "1: name: missing: every chain has one"),
        ('"name": "deploy"', '"name": {}', "2: name: expected a string, not a list or mapping"),
        ('"name": "deploy",', '"name": "deploy"', "3: not valid JSON: Expecting ',' delimiter"),
        ('"name": "deploy",', '"name": "de\\"p{[loy",', None),
        ('"name": "deploy",', '"name": "deploy", "quotas": {"role_trust_policy_length": "4096"},', None),
        ('"name": "deploy",', '"name": "deploy", "organization": null,', None),
    ],
)
def test_a_mistake_in_json(tmp_path: Path, old: str, new: str, expected: str | None) -> None:
    """A mistake in a file of JSON has the line, place and message that it has in YAML."""
    text = """\
{
  "name": "deploy",
  "source": {"account": "111111111111"},
  "middle": {"account": "222222222222"},
  "targets": {"account": "333333333333"}
}
"""
    assert old in text
    file = tmp_path / "chain.json"
    file.write_text(text.replace(old, new, 1))
    said = refused(file)
    if expected is None:
        as_yaml = tmp_path / "chain.yaml"
        as_yaml.write_bytes(file.read_bytes())
        assert said == refused(as_yaml) != []
    else:
        assert expected in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" ", "the file is empty: declare"),
        ("[" * 100_000, "nested too deeply"),
        ("[NaN, -1.5e3]", "expected a mapping"),
    ],
)
def test_json_that_is_no_chain(tmp_path: Path, text: str, expected: str) -> None:
    """A file that holds nothing, too much or something else is refused in one line."""
    file = tmp_path / "chain.json"
    file.write_text(text)
    with pytest.raises(ChainError, match=expected):
        Chain.load(file)


def test_json_needs_no_pyyaml(tmp_path: Path) -> None:
    """Without PyYAML a chain in JSON is read, and one in YAML says what to install."""
    (tmp_path / "chain.json").write_text(json.dumps(yaml.safe_load(SMALLEST)))
    (tmp_path / "chain.yaml").write_text(SMALLEST)
    script = "import sys; sys.modules['yaml'] = None; from rolechain import Chain; print(Chain.load(sys.argv[1]).name)"
    read, unread = (
        subprocess.run(
            [sys.executable, "-c", script, tmp_path / name], capture_output=True, text=True, check=False
        )
        for name in ("chain.json", "chain.yaml")
    )
    assert read.stdout == "deploy\n"
    assert unread.stderr.endswith(
        "reading it needs PyYAML: pip install 'rolechain[yaml]', or write the chain in a .json file\n"
    )
