"""The keys of a chain, and what each takes.

The reader of ``chain.yaml``, the validation and the JSON Schema are made from these tables. The class that has a
key documents its meaning. Patterns and limits are those of the IAM and STS API references.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from rolechain.errors import Place
from rolechain.iam import limits
from rolechain.iam.partitions import PARTITIONS, REGION
from rolechain.json_keys import RepeatedKeyError, unrepeated
from rolechain.model.entry_principal import ROLES_ANYWHERE, Entrance, EntranceKind
from rolechain.model.role import ChainRole, Permission, Quotas, Trust
from rolechain.model.session_policy import POLICY_ARN, problems_of
from rolechain.model.session_values import ADVICE, SessionTag, SourceIdentity, tag_problems
from rolechain.model.shapes import (
    Flag,
    Found,
    Json,
    Listed,
    Number,
    Record,
    Shape,
    Text,
    TextsByKey,
    Word,
    defaults_of,
    matches,
    schema_of,
    told,
)
from rolechain.model.stack_set import CallAs, ConcurrencyMode, StackSet

if TYPE_CHECKING:
    import yaml

    from rolechain.model.chain_yaml import Nodes

_OF_PARTITION = f"arn:({'|'.join(PARTITIONS)})"
_PLAIN = "[!-#%-)+->@-~]"
"""A character that a policy does not read as a wildcard or as the beginning of a variable."""
_CHAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
_ADMINISTRATOR = re.compile(r"arn:\S+:(role|user|group)/\S+", re.ASCII)
_DOCUMENTED = re.compile(r"arn:.*:policy/.*", re.DOTALL)
_POLICY = re.compile(rf"arn:\S+:policy/\S+|(?:{limits.NAME}|/)+", re.ASCII)
_ACTION = re.compile(r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+", re.ASCII)
_RESOURCE = re.compile(r"\*|arn:.*", re.DOTALL)
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}", re.ASCII)
_PATH = re.compile(rf"/({_PLAIN}+/)?", re.ASCII)
_LATIN_1 = re.compile(r"[\t\n\r\x20-\x7e\xa1-\xff]*")
_NAMED_ROLE = rf"/({_PLAIN}*/)?{limits.ROLE_NAME.pattern}"
_ROLE = re.compile(rf"{_OF_PARTITION}:iam::{limits.ACCOUNT.pattern}:role{_NAMED_ROLE}", re.ASCII)
_ROLE_OR_USER = re.compile(
    rf"{_OF_PARTITION}:iam::{limits.ACCOUNT.pattern}:(role|user){_NAMED_ROLE}", re.ASCII
)
_SAML = re.compile(rf"{_OF_PARTITION}:iam::{limits.ACCOUNT.pattern}:saml-provider/[^*?$ ]+", re.ASCII)
_OIDC = re.compile(rf"{_OF_PARTITION}:iam::{limits.ACCOUNT.pattern}:oidc-provider/[^*?$ ]+", re.ASCII)
_PARTLY_EXTERNAL_ID = re.compile(
    rf"[*?]*({limits.EXTERNAL}[*?]*){{{limits.EXTERNAL_ID_LENGTHS[0]},{limits.EXTERNAL_ID_LENGTHS[-1]}}}",
    re.ASCII,
)
_PARTLY_IDENTITY = re.compile(rf"({limits.NAME}|[*?]){{1,{limits.SOURCE_IDENTITY_CHARACTERS}}}", re.ASCII)
_CERTIFICATE = re.compile(r"x509(Subject|Issuer|SAN)/.*", re.DOTALL)
_STACK_SET = re.compile(
    rf"{_OF_PARTITION}:cloudformation:{REGION.pattern}:{limits.ACCOUNT.pattern}:stackset/[A-Za-z0-9-]+:[a-f0-9-]+",
    re.ASCII,
)
_SOURCE_ARN = re.compile(r"arn:([^:]*:){4}.*", re.DOTALL)


def _account(value: object) -> str:
    if not isinstance(value, str):
        return f"{value!r} is a number: put the 12 digits in quotes"
    has = f"has {len(value)} characters" if len(value) != 12 else "is not all digits"
    return f"{value!r} {has}: an account id is 12 digits"


def _entering_account(value: object) -> str:
    if isinstance(value, int):
        return f"{value!r} is a number: put the 12 digits in quotes"
    return f"{value!r} is not an account id: write its 12 digits"


def _name(value: object) -> str:
    if not matches(limits.ROLE_NAME, value):
        return f"{value!r} is not a role name: write {limits.NAME_CHARACTERS}"
    return (
        f"{value!r} has {len(str(value))} characters: a role name has {limits.ROLE_NAME_CHARACTERS} at most"
    )


def _path(value: object) -> str:
    if not isinstance(value, str) or not limits.PATH.fullmatch(value):
        return f"{value!r} is not an IAM path: begin and end it with / and remove spaces"
    if not matches(_PATH, value):
        return f"{value!r} holds *, ? or $, which policies read as wildcards and variables: remove them"
    return f"a path of {len(value)} characters: {limits.PATH_CHARACTERS} at most"


def _description(value: object) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        return "longer than IAM's 1,000 characters, or not a string: shorten it"
    wrong = next(each for each in value if not matches(_LATIN_1, each))
    return f"IAM accepts Latin-1 characters only: replace {wrong!r}"


def _duration(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value in limits.SESSION_SECONDS:
        return (
            f"{value} seconds: STS gives a chained session {limits.CHAINED_SECONDS} at most; write that or less, "
            "and let the runtime renew the hop for longer work"
        )
    return f"{value!r} is outside STS's limits: write 900 to 3600, in seconds"


def _until(value: object) -> str:
    such = "write one such as 2026-12-01T00:00Z"
    if isinstance(value, datetime) or (
        isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+", value)
    ):
        return f"{str(value)!r} has no time zone: {such}, or with an offset such as +01:00"
    return f"{value!r} is not a time with its time zone: {such}"


class _Moment(Text):
    """A time, kept in UTC to the second."""

    def wrong(self, value: Any) -> Found:
        if not limits.is_moment(value):
            yield (), told(self.mistake, value)


def _quota(least: int, most: int) -> Number:
    mistake = f"is outside IAM's limits: write {least} to {most}, as it is in the chain's accounts"
    return Number(range(least, most + 1), mistake, "a number")


class _Allowed:
    """Allowed values, and whether one of them is required: a value, a list, or a mapping of both."""

    def __init__(self, value: Json) -> None:
        self._value = value

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> tuple[list[str], bool]:
        if nodes.kind(node) == "scalar":
            return [nodes.text(node, place)], True
        if nodes.kind(node) == "sequence":
            return nodes.texts(node, place), True
        found = nodes.mapping(node, place, ("values", "required"))
        values = nodes.texts(found["values"], (*place, "values")) if "values" in found else []
        required = nodes.flag(found["required"], (*place, "required")) if "required" in found else True
        return values, required

    def schema(self) -> Json:
        listed = {"type": "array", "items": self._value, "minItems": 1}
        both = {"values": {"oneOf": [self._value, listed]}, "required": Flag().schema()}
        mapping = {"type": "object", "additionalProperties": False, "properties": both}
        return {"oneOf": [self._value, listed, mapping]}


class _Identity:
    """A source identity."""

    _ALLOWED = _Allowed(Text(_PARTLY_IDENTITY).schema())

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> SourceIdentity:
        values, required = self._ALLOWED.read(nodes, node, place)
        return SourceIdentity(values, required=required)

    def wrong(self, value: SourceIdentity) -> Found:
        for _, problem in Flag().wrong(value.required):
            yield (), f"required: {problem}"
        for each in value.values:
            whole = each.replace("*", "xx").replace("?", "x") if isinstance(each, str) else each
            if not matches(limits.SOURCE_IDENTITY, whole) or each.lower().startswith("aws:"):
                yield (), f"{each!r} is not a source identity: {ADVICE}"

    def schema(self) -> Json:
        return {"$ref": "#/$defs/source_identity"}

    def definition(self) -> Json:
        return self._ALLOWED.schema()


class _Tags:
    """Session tags: allowed values by key."""

    _ALLOWED = _Allowed({"type": "string", "maxLength": limits.TAG_VALUE_CHARACTERS})

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> list[SessionTag]:
        return [
            SessionTag(key, values, required=required)
            for key, value, here in nodes.pairs(node, place)
            for values, required in [self._ALLOWED.read(nodes, value, here)]
        ]

    def wrong(self, value: tuple[SessionTag, ...]) -> Found:
        tags = [tag for tag in value if isinstance(tag, SessionTag)]
        yield from tag_problems([(tag.key, tag.values) for tag in tags], patterns=True)
        for tag in value:
            if not isinstance(tag, SessionTag):
                yield (), f"{tag!r} is not a session tag: write values by key, or SessionTag(…)"
                continue
            for _, problem in Flag().wrong(tag.required):
                yield (str(tag.key),), f"required: {problem}"

    def schema(self) -> Json:
        return {"$ref": "#/$defs/session_tags"}

    def definition(self) -> Json:
        return {
            "type": "object",
            "maxProperties": limits.SESSION_TAGS,
            "propertyNames": {"minLength": 1, "maxLength": limits.TAG_KEY_CHARACTERS},
            "additionalProperties": self._ALLOWED.schema(),
        }


class _SessionPolicy:
    """A session policy, as a mapping or as JSON."""

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        return nodes.value(node, place)

    def wrong(self, value: Any) -> Found:
        for message in problems_of(value):
            yield (), message

    def schema(self) -> Json:
        return {"oneOf": [{"type": "string", "minLength": 1}, {"type": "object", "required": ["Statement"]}]}


class _Documents:
    """Policy documents by ARN, or the names of the JSON files that hold them, beside the chain's own."""

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> dict[str, Any]:
        return {name: self._document(nodes, value, at) for name, value, at in nodes.pairs(node, place)}

    def _document(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        if nodes.kind(node) != "scalar":
            return nodes.value(node, place)
        path = nodes.folder / node.value
        try:
            return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unrepeated)
        except RepeatedKeyError as error:
            nodes.refuse(place, f"{path}: {error}")
        except (OSError, ValueError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
            nodes.refuse(place, f"{path} cannot be read: {reason}")
        return {"Statement": []}

    def wrong(self, value: Any) -> Found:
        if not isinstance(value, Mapping):
            yield (), f"{value!r} holds no documents by ARN: write {{arn: document}}"
            return
        for arn, document in value.items():
            if not matches(_DOCUMENTED, arn):
                yield (
                    (str(arn),),
                    f"{arn!r} is not a policy's ARN: write arn:aws:iam::<account>:policy/<name>",
                )
            elif not isinstance(document, Mapping) or "Statement" not in document:
                yield (arn,), f"{document!r} is not a policy document: write an object with Statement"

    def schema(self) -> Json:
        return {
            "type": "object",
            "propertyNames": Text(_DOCUMENTED).schema(),
            "additionalProperties": _SessionPolicy().schema(),
        }


class KindOfEntrance(NamedTuple):
    """A kind of entrance: what names it, and which keys it must have besides."""

    value: Text
    required: tuple[str, ...] = ()


class OfEntrance(NamedTuple):
    """A key of an entrance: its shape, the kinds that it is for, and the message for another kind."""

    takes: Shape
    kinds: tuple[EntranceKind, ...] = get_args(EntranceKind)
    otherwise: str = "{key} is for {kinds}: a {kind} calls on its own behalf; remove it"


_OF_TOKEN = ("audience", "subject")
_BRINGS_NONE = "{key} is for {kinds}, and {kind} {value} has none: remove it"
_NO_EXTERNAL_ID = "{key} is for {kinds}: a {kind} passes no external id; remove it"
_NO_ID = f"is not an external id: write {limits.OF_EXTERNAL_ID}"
_NAMED: tuple[tuple[EntranceKind, ...], str] = (("account", "arn"), _NO_EXTERNAL_ID)
NO_CERTIFICATE = f"{{key}} is for {ROLES_ANYWHERE}: {{value}} shows none; remove it"
NO_MFA = (
    "mfa is for IAM users, and {kind} {value} is not one: its sessions do not carry MFA, so every call would be "
    "denied; "
    "require MFA where its users sign in"
)

ENTRANCE_KINDS: Mapping[EntranceKind, KindOfEntrance] = {
    "service": KindOfEntrance(
        Text(limits.SERVICE, "is not a service principal: write one such as lambda.amazonaws.com")
    ),
    "account": KindOfEntrance(Text(limits.ACCOUNT, _entering_account)),
    "arn": KindOfEntrance(Text(_ROLE_OR_USER, "is not a role's or user's ARN: write one without wildcards")),
    "oidc": KindOfEntrance(
        Text(_OIDC, "is not an OIDC provider's ARN: write arn:aws:iam::<account>:oidc-provider/<host>"),
        ("audience", "subject"),
    ),
    "saml": KindOfEntrance(
        Text(_SAML, "is not a SAML provider's ARN: write arn:aws:iam::<account>:saml-provider/<name>")
    ),
    "permission_set": KindOfEntrance(
        Text(
            limits.PERMISSION_SET,
            f"is not a permission set's name: write 1 to 32 of {limits.NAME_CHARACTERS}",
        )
    ),
}

ENTRANCE_KEYS: Mapping[str, OfEntrance] = {
    "audience": OfEntrance(Listed(Text(), alone=True), ("oidc", "saml"), _BRINGS_NONE),
    "subject": OfEntrance(Listed(Text(), alone=True), ("oidc",), _BRINGS_NONE),
    "external_id": OfEntrance(
        Text(_PARTLY_EXTERNAL_ID, f"{_NO_ID}, with wildcards for the unknown part"), *_NAMED
    ),
    "third_party": OfEntrance(Flag(), *_NAMED),
    "iam_users": OfEntrance(
        Flag(), ("account",), "{key} is for {kinds}: {kind} names one principal; remove it"
    ),
    "mfa": OfEntrance(Flag(), ("account", "arn"), NO_MFA),
    "mfa_max_age": OfEntrance(
        Number(range(1, 129_601), "is outside the limits of a session: write 1 to 129600, in seconds"),
        ("account", "arn"),
        NO_MFA,
    ),
    "session_tags": OfEntrance(_Tags()),
    "transitive_tag_keys": OfEntrance(
        Listed(Text(mistake="is not a key of the session tags: write one of their keys"))
    ),
    "source_identity": OfEntrance(_Identity()),
    "source_account": OfEntrance(
        Listed(Text(limits.ACCOUNT, "is not an account id: write its 12 digits, in quotes")), ("service",)
    ),
    "source_arn": OfEntrance(
        Listed(
            Text(
                _SOURCE_ARN,
                "is not an ARN: write one such as arn:aws:codebuild:us-east-1:<account>:project/app",
            )
        ),
        ("service",),
    ),
    "source_organization": OfEntrance(
        Text(limits.ORGANIZATION, "is not an organization's id: write one such as o-exampleorg1"),
        ("service",),
    ),
    "certificate": OfEntrance(
        TextsByKey(
            Text(_CERTIFICATE, "is not an attribute: write x509Subject/CN, x509Issuer/…, or x509SAN/…"),
            Text(),
        ),
        ("service",),
        NO_CERTIFICATE,
    ),
    "until": OfEntrance(_Moment(limits.TIME, _until)),
}


class _Entrance:
    """One entrance: one of the kinds, with the keys that it takes."""

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Entrance:
        known = len(nodes.problems)
        shapes: dict[str, Shape] = {
            **{kind: Listed(each.value) for kind, each in ENTRANCE_KINDS.items()},
            **{key: each.takes for key, each in ENTRANCE_KEYS.items()},
        }
        found = nodes.mapping(node, place, tuple(shapes))
        read = {key: shapes[key].read(nodes, value, (*place, key)) for key, value in found.items()}
        kinds = [kind for kind in ENTRANCE_KINDS if kind in read]
        if len(kinds) != 1:
            if len(nodes.problems) == known:
                nodes.refuse(place, f"declare one principal, as one of {', '.join(ENTRANCE_KINDS)}")
            return Entrance("service", "")
        return Entrance(kinds[0], read.pop(kinds[0]), **read)

    def wrong(self, value: Any) -> Found:
        if not isinstance(value, Entrance) or value.kind not in get_args(EntranceKind):
            kinds = ", ".join(ENTRANCE_KINDS)
            yield (), f"{value!r} is not an entrance: write Entrance.service(…), or another of {kinds}"
            return
        kind, defaults = ENTRANCE_KINDS[value.kind], defaults_of(Entrance)
        principals: list[Any] = [one.value for one in value.each()]
        for each in principals:
            if each == ():
                yield (), "the list of principals is empty: name at least one"
            else:
                yield from kind.value.wrong(each)
        if any(not getattr(value, key) for key in kind.required):
            wanted = " and ".join(kind.required)
            yield (
                (),
                f"tokens of {value.value} need {wanted}: without them, any workflow of the provider can enter",
            )
        known = value.known.tags if value.known else ()
        otherwise: dict[str, None] = {}
        for key, of in ENTRANCE_KEYS.items():
            given = getattr(value, key)
            default = defaults[key]
            if (given == default and type(given) is type(default)) or (
                key in _OF_TOKEN and given in ("", ())
            ):
                continue
            if value.kind not in of.kinds:
                kinds = " and ".join(of.kinds)
                words = of.otherwise.format(key=key, kinds=kinds, kind=value.kind, value=value.value)
                otherwise.setdefault(words)
                continue
            if key == "session_tags":
                given = tuple(tag for tag in given if tag not in known)
            for _, message in of.takes.wrong(given):
                yield (), f"{key}: {message}"
        for message in otherwise:
            yield (), message

    def schema(self) -> Json:
        return {"$ref": "#/$defs/entrance"}

    def definition(self) -> Json:
        """The schema itself."""
        kinds = []
        for kind, principal in ENTRANCE_KINDS.items():
            keys = {key: of.takes.schema() for key, of in ENTRANCE_KEYS.items() if kind in of.kinds}
            named = Listed(principal.value).schema()
            kinds.append(schema_of(Entrance, {kind: named, **keys}, (kind, *principal.required)))
        return {"oneOf": kinds}


NO_MANAGED_POLICY = (
    "is not a managed policy's ARN in the chain's partition: write arn:<partition>:iam::aws:policy/<name>, or one of "
    "the role's account"
)
_POLICIES = Text(_POLICY, "is neither an AWS managed policy's name nor an ARN")


class _Permission(Record):
    def wrong(self, value: Any) -> Found:
        if isinstance(value, Permission) and not (value.actions and value.resources):
            yield (), "a permission needs actions and resources: name at least one of each"
        else:
            yield from super().wrong(value)


PERMISSION = _Permission(
    Permission,
    {
        "actions": Listed(Text(_ACTION, "is not an IAM action: write one such as ssm:GetParameter")),
        "resources": Listed(Text(_RESOURCE, "is not a resource: write its ARN, or *")),
    },
    "is not a permission: write Permission(actions, resources)",
    ("actions", "resources"),
    "permission",
)

_UNITS = Listed(
    Text(
        limits.ORGANIZATIONAL_UNIT,
        "is not a path of an organizational unit: write the ids from the root down, such as "
        "r-ab12/ou-ab12-11111111",
    )
)


class _Optional(Record):
    """A record of which a value may be None."""

    def wrong(self, value: Any) -> Found:
        if not isinstance(value, self.make):
            yield (), f"{value!r} {self.mistake}"
            return
        for key, shape in self.keys.items():
            if (given := getattr(value, key)) is not None:
                for place, message in shape.wrong(given):
                    yield (key, *place), message


def _count(least: int, most: int, of: str) -> Number:
    return Number(range(least, most + 1), f"is not a number of {of}: write {least} to {most}", "a number")


STACK_SET = _Optional(
    StackSet,
    {
        "administrator_account": Text(limits.ACCOUNT, _account),
        "call_as": Word(get_args(CallAs), "is not a value of call_as"),
        "failure_tolerance_count": _count(0, 100_000, "accounts"),
        "failure_tolerance_percentage": _count(0, 100, "percent"),
        "max_concurrent_count": _count(1, 100_000, "accounts"),
        "max_concurrent_percentage": _count(1, 100, "percent"),
        "concurrency_mode": Word(get_args(ConcurrencyMode), "is not a value of concurrency_mode"),
        "depends_on": Listed(
            Text(
                _STACK_SET,
                "is not a stack set's ARN: write arn:aws:cloudformation:<region>:<account>:stackset/…",
            )
        ),
    },
    "is not a stack set's options: write StackSet(…)",
)

ROLE_KEYS: Mapping[str, Shape] = {
    "account": Text(limits.ACCOUNT, _account),
    "role": Text(limits.ROLE_NAME, _name, limits.ROLE_NAME_CHARACTERS),
    "path": Text(_PATH, _path, limits.PATH_CHARACTERS),
    "description": Text(_LATIN_1, _description, 1000),
    "alias": Text(
        _ALIAS, "is not an alias: write a letter, then letters, digits, '.', '_' and '-', 64 at most", 64
    ),
    "assumed_by": Listed(_Entrance()),
    "replaces": Text(_ROLE, "is not a role's ARN: write arn:aws:iam::<account>:role/<path and name>"),
    "existing": Flag(),
    "third_party": Flag(),
    "external_id": Text(limits.EXTERNAL_ID, _NO_ID),
    "session_tags": _Tags(),
    "transitive_tag_keys": Listed(Text()),
    "source_identity": _Identity(),
    "duration_seconds": Number(range(limits.SESSION_SECONDS.start, limits.CHAINED_SECONDS + 1), _duration),
    "policy": _SessionPolicy(),
    "policy_arns": Listed(
        Text(POLICY_ARN, NO_MANAGED_POLICY),
        limits.SESSION_POLICY_ARNS,
    ),
    "trust": Word(get_args(Trust), "is not a value of trust"),
    "organizational_units": _UNITS,
    "exclude": Listed(Text(limits.ACCOUNT, "is not an account id: write its 12 digits, in quotes")),
    "stack_set": STACK_SET,
    "caller_organizational_units": _UNITS,
    "permissions_boundary": Text(
        _POLICY, "is neither an ARN nor the name of a managed policy in the role's account"
    ),
    "managed_policies": Listed(_POLICIES),
    "permissions": Listed(PERMISSION),
    "max_session_duration": Number(
        limits.ROLE_SECONDS, "is outside IAM's limits: write 3600 to 43200, in seconds"
    ),
}
"""The keys of a role; its partition is the chain's."""

OF_TARGETS_BY_UNIT = ("organizational_units", "exclude", "stack_set")
"""The keys of a target that a stack set creates in every account of organizational units."""

OF_CALLEES = (
    "alias",
    "replaces",
    "external_id",
    "session_tags",
    "transitive_tag_keys",
    "source_identity",
    "duration_seconds",
    "policy",
    "policy_arns",
    "caller_organizational_units",
    *OF_TARGETS_BY_UNIT,
)
"""The keys that concern the hop into a role; a source role takes none of them."""


_PLACES = ("account", "accounts", "organizational_units")
_ACCOUNTS = Listed(ROLE_KEYS["account"])


@dataclass(frozen=True)
class _Role(Record):
    """A role: a source, a target, or one in between."""

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> list[ChainRole]:
        """The role, or one for each of ``accounts``."""
        is_target = self.defined == "target"
        found = nodes.mapping(node, place, (*self.keys, *(_PLACES[1:2] if is_target else ())))
        listed = nodes.items(found.pop("accounts"), (*place, "accounts")) if "accounts" in found else []
        read = {key: self.keys[key].read(nodes, value, (*place, key)) for key, value in found.items()}
        here = [key for key in _PLACES if key in read]
        if listed and here:
            nodes.refuse((*place, here[0]), f"accounts stands there already: remove {here[0]}, or accounts")
        elif not listed and not here and nodes.kind(node) == "mapping":
            others = (
                ": declare it, or accounts or organizational_units"
                if is_target
                else ": every entry here has one"
            )
            nodes.refuse((*place, "account"), f"missing{others}")
        if here or not listed:
            return [self.make(**read)]
        lines = [(at[len(place) :], line) for at, line in nodes.lines.items() if at[: len(place)] == place]
        roles = []
        for number, (item, _) in enumerate(listed):
            at = (*place[:-1], int(place[-1]) + number)
            nodes.lines |= {(*at, *rest): line for rest, line in lines}
            roles.append(
                self.make(**{**read, "account": ROLE_KEYS["account"].read(nodes, item, (*at, "account"))})
            )
        return roles

    def definition(self) -> Json:
        """The schema itself."""
        keys = {key: shape.schema() for key, shape in ROLE_KEYS.items()}
        if self.defined == "source":
            keys = {key: schema for key, schema in keys.items() if key not in OF_CALLEES}
            keys["trust"] = {"const": "principal_arn"}
            return schema_of(self.make, keys, ("account",))
        del keys["assumed_by"]
        keys["third_party"] = {"const": False}
        if self.defined == "role":
            keys = {key: schema for key, schema in keys.items() if key not in OF_TARGETS_BY_UNIT}
            return schema_of(self.make, keys, ("account",))
        del keys["replaces"]
        accounts = {
            **_ACCOUNTS.schema(),
            "description": "The accounts of several targets alike, in place of account",
        }
        schema = schema_of(self.make, {"accounts": accounts, **keys}, ())
        others = {"not": {"anyOf": [{"required": [key]} for key in ("account", "organizational_units")]}}
        return {
            **schema,
            "anyOf": [{"required": [key]} for key in _PLACES],
            "dependentSchemas": {"accounts": others},
        }


@dataclass(frozen=True)
class _Roles(Listed):
    """Roles, each or several of them an item of the list."""

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        roles: list[ChainRole] = []
        for item, at in nodes.items(node, place):
            is_alone = self.alone and nodes.kind(node) != "sequence"
            roles += self.of.read(nodes, item, place if is_alone else (*at[:-1], len(roles)))
        return roles[0] if self.alone and nodes.kind(node) != "sequence" else roles


def _role(kind: str) -> _Role:
    return _Role(ChainRole, ROLE_KEYS, "is not a role: write ChainRole(account, …)", (), kind)


QUOTAS = Record(
    Quotas,
    {
        "role_trust_policy_length": _quota(
            limits.TRUST_POLICY_CHARACTERS, limits.MOST_TRUST_POLICY_CHARACTERS
        ),
        "managed_policies_per_role": _quota(limits.POLICIES_OF_ROLE, limits.MOST_POLICIES_OF_ROLE),
    },
    "are not quotas: write Quotas(…)",
)

CHAIN_KEYS: Mapping[str, Shape] = {
    "name": Text(
        _CHAIN_NAME,
        "cannot begin the names of roles and stacks: write a letter, then letters, digits and hyphens, 64 at most",
    ),
    "organization": Text(
        limits.ORGANIZATION, "is not an organization id: write o- and 10 to 32 lowercase letters or digits"
    ),
    "region": Text(REGION, "is not a region: write one such as us-east-1"),
    "partition": Word(PARTITIONS, "is not a partition of AWS"),
    "quotas": QUOTAS,
    "policy_documents": _Documents(),
    "administrators": Listed(
        Text(
            _ADMINISTRATOR,
            "is not a role's, user's or group's ARN: write arn:aws:iam::<account>:role/<path and name>, in which * and "
            "? are wildcards",
        )
    ),
    "revoked_before": _Moment(
        limits.MOMENT,
        'is not a time in UTC to the second: write one such as "2026-12-01T00:00:00Z", in quotes',
    ),
    "source": _Roles(_role("source"), alone=True),
    "middle": _Roles(_role("role")),
    "targets": _Roles(_role("target")),
}
REQUIRED_OF_CHAIN = ("name", "source", "targets")
DEFINITIONS: tuple[tuple[str, Any], ...] = (
    ("source", _role("source")),
    ("role", _role("role")),
    ("target", _role("target")),
    ("entrance", _Entrance()),
    ("permission", PERMISSION),
    ("session_tags", _Tags()),
    ("source_identity", _Identity()),
)
"""The shapes that other schemas refer to by name."""
