"""Who a trust policy lets in, as formulas for the solver z3: written from AWS's documents, and from none of the proof.

A request is a handful of variables. What one key says of another (an ARN of its account, a path of its organization)
holds by construction: there is one text for both, and a condition on the part is one on the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

import z3

from rolechain.policy import Caller, ContextValue

Json = dict[str, Any]
Claim = tuple[Any, list[str], Any]
"""Whether it holds, the texts that it is about, and what it means: a language that one belongs to, or a formula."""
Request = tuple[Caller, dict[str, ContextValue]]

_SORT = z3.ReSort(z3.StringSort())
ANY = z3.AllChar(_SORT)
ALL = z3.Star(ANY)
DIGIT, LOWER, UPPER = z3.Range("0", "9"), z3.Range("a", "z"), z3.Range("A", "Z")
ALPHANUMERIC = z3.Union(DIGIT, LOWER, UPPER)
NAME = z3.Union(ALPHANUMERIC, *(z3.Re(each) for each in "+=,.@-_"))
ACCOUNT = z3.Loop(DIGIT, 12, 12)
# The proof does not count on the case of an id either.
ORGANIZATION = z3.Concat(z3.Re("o-"), z3.Loop(ALPHANUMERIC, 10, 12))
UNIT = z3.Concat(z3.Re("r-"), z3.Plus(z3.Union(LOWER, DIGIT, z3.Re("-"), z3.Re("/"))), z3.Re("/"))
IAM = z3.Re("arn:aws:iam::")
MILLISECONDS = 2000
KEPT: dict[int, Any] = {}
"""What every claim means, by the id that z3 gives it: kept, so that no other gets that id."""

ANSWERS: dict[Any, tuple[str, dict[str, str]]] = {}
"""What was asked of texts already."""

TYPES = {"role": "AssumedRole", "user": "User"}
TEXTS = ["sts:ExternalId", "sts:RoleSessionName", "aws:PrincipalTag/team", "aws:RequestedRegion"]
SERVICES = ["lambda.amazonaws.com", "ec2.amazonaws.com"]

_OPERATOR = re.compile(r"(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?")
_ORDER = {"LessThan": "<", "LessThanEquals": "<=", "GreaterThan": ">", "GreaterThanEquals": ">="}


class Anybody:
    """One request to assume a role, as variables.

    That a text belongs to a language is a claim of its own: z3 takes long over many languages at once. Which claims
    hold is settled first, without their meaning; then whether there is such a text.

    Attributes:
        kind: who makes it: a ``role``, a ``user`` or a ``service``.
        texts: its texts, each with the language that any such text belongs to; ``arn`` is a service's name too, and
            ``path`` that of its account in its organization.
        numbers: what holds a number, a moment or an address, by key.
        present: by key, whether the request holds it.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        arns = z3.Union(*map(z3.Re, SERVICES)) if kind == "service" else _principals(kind)
        paths = z3.Concat(ORGANIZATION, z3.Re("/"), UNIT)
        free = z3.Concat(NAME, z3.Plus(NAME))
        self.texts = {"arn": arns, "path": paths, **dict.fromkeys(TEXTS, free)}
        self._claims: dict[str, Claim] = {}
        moment = z3.Int("time")
        self.numbers: dict[str, Any] = {"aws:CurrentTime": moment, "aws:EpochTime": moment}
        self.numbers |= {"aws:SourceIp": z3.Int("address"), "aws:MultiFactorAuthAge": z3.Int("age")}
        always, never = z3.BoolVal(True), z3.BoolVal(False)
        principal, user = (always if kind in kinds else never for kinds in (("role", "user"), ("user",)))
        external_id, tag, organization, mfa = z3.Bools("external_id tag organization mfa")
        self.present: dict[str, Any] = {
            **{f"aws:Principal{each}": principal for each in ("Arn", "Account", "Type")},
            **{f"aws:PrincipalOrg{each}": z3.And(principal, organization) for each in ("ID", "Paths")},
            **{f"aws:MultiFactorAuth{each}": z3.And(user, mfa) for each in ("Age", "Present")},
            **dict.fromkeys(["aws:CurrentTime", "aws:EpochTime", "aws:SecureTransport"], always),
            **dict.fromkeys(["sts:RoleSessionName", "aws:RequestedRegion"], always),
            "sts:ExternalId": external_id,
            "aws:PrincipalTag/team": z3.And(principal, tag),
            "aws:SourceIp": principal,
            "aws:username": user,
        }

    def matches(self, key: str, language: Any) -> Any:
        """Whether the text of a key belongs to a regular language."""
        if key == "aws:PrincipalArn":
            return self.is_in("arn", language)
        if key == "aws:PrincipalAccount":
            return self.is_in("arn", z3.Concat(IAM, z3.Intersect(language, ACCOUNT), z3.Re(":"), ALL))
        if key == "aws:username":
            return self.is_in("arn", z3.Concat(ALL, z3.Re("/"), z3.Intersect(language, z3.Plus(NAME))))
        if key == "aws:PrincipalOrgPaths":
            return self.is_in("path", language)
        if key == "aws:PrincipalOrgID":
            return self.is_in("path", z3.Concat(z3.Intersect(language, ORGANIZATION), z3.Re("/"), ALL))
        if key == "aws:PrincipalType":
            return z3.InRe(z3.StringVal(TYPES.get(self.kind, "")), language)
        return self.is_in(key, language)

    def is_in(self, text: str, language: Any) -> Any:
        """The claim that a text belongs to a language."""
        return self._claim([text], language)

    def equal(self, first: str, second: str) -> Any:
        """The claim that two texts are the same."""
        return self._claim([first, second], z3.String(first) == z3.String(second))

    def _claim(self, texts: list[str], meaning: Any) -> Any:
        KEPT[meaning.get_id()] = meaning
        name = f"{texts} {meaning.get_id()}"
        return self._claims.setdefault(name, (z3.Bool(name), texts, meaning))[0]

    def find(self, *formulas: Any) -> tuple[str, Request | None]:
        """Whether a request meets the formulas, and one that does."""
        solver = z3.Solver()
        solver.add(*formulas, *(z3.And(number >= 0, number < 2**32) for number in self.numbers.values()))
        while solver.check() == z3.sat:
            model = solver.model()
            found: dict[str, str] = {}
            settled = [each for each in self._claims.values() if not z3.eq(model.eval(each[0]), each[0])]
            joined = {text for _, texts, _ in settled if len(texts) > 1 for text in texts}
            for group in [joined, *({text} for text in set(self.texts) - joined)]:
                about = [each for each in settled if group & set(each[1])]
                holds = [z3.is_true(model.eval(claim)) for claim, *_ in about]
                answer, texts = self._texts(group, about, holds)
                if answer == "unknown":
                    return answer, None
                if answer == "unsat":
                    solver.add(z3.Or([each[0] != held for each, held in zip(about, holds, strict=True)]))
                    break
                found |= texts
            else:
                return "sat", self._request(model, found)
        return "unsat", None

    def _texts(self, group: set[str], claims: list[Claim], holds: list[bool]) -> tuple[str, dict[str, str]]:
        """Texts of which these claims hold, or do not; the same is asked again and again."""
        told = frozenset(
            (*texts, meaning.get_id(), held) for (_, texts, meaning), held in zip(claims, holds, strict=True)
        )
        asked = (self.kind, frozenset(group), told)
        if asked not in ANSWERS:
            ANSWERS[asked] = self._solve(group, claims, holds)
        return ANSWERS[asked]

    def _solve(self, group: set[str], claims: list[Claim], holds: list[bool]) -> tuple[str, dict[str, str]]:
        solver, languages = z3.Solver(), {text: [self.texts[text]] for text in group}
        solver.set("timeout", MILLISECONDS)
        for (_, texts, meaning), held in zip(claims, holds, strict=True):
            if len(texts) > 1:
                solver.add(meaning if held else z3.Not(meaning))
            else:
                languages[texts[0]].append(meaning if held else z3.Complement(meaning))
        for text, several in languages.items():
            solver.add(z3.InRe(z3.String(text), z3.Intersect(*several) if several[1:] else several[0]))
        answer = str(solver.check())
        if answer != "sat":
            return answer, {}
        model = solver.model()
        return answer, {
            text: model.eval(z3.String(text), model_completion=True).as_string() for text in group
        }

    def _request(self, model: Any, texts: dict[str, str]) -> Request:
        arn, path = texts["arn"], texts["path"]
        values: dict[str, ContextValue] = {
            **texts,
            "aws:PrincipalArn": arn,
            "aws:PrincipalAccount": arn.split(":")[4] if ":" in arn else "",
            "aws:PrincipalType": TYPES.get(self.kind, ""),
            "aws:PrincipalOrgID": path.split("/")[0],
            "aws:PrincipalOrgPaths": [path],
            "aws:username": arn.rsplit("/", 1)[-1],
            "aws:MultiFactorAuthPresent": "true",
            "aws:SecureTransport": "true",
            **{key: str(model.eval(number, model_completion=True)) for key, number in self.numbers.items()},
        }
        values["aws:SourceIp"] = str(ip_address(int(str(values["aws:SourceIp"]))))
        keys = {
            key: values[key]
            for key, is_there in self.present.items()
            if z3.is_true(model.eval(is_there, model_completion=True))
        }
        account, name = str(values["aws:PrincipalAccount"]), str(values["aws:username"])
        if self.kind == "role":
            session = f"arn:aws:sts::{account}:assumed-role/{name}/s"
            return Caller("role-session", session, account, arn), keys
        return Caller("user" if self.kind == "user" else "service", arn, account), keys


def let_in(anybody: Anybody, statements: Sequence[Json]) -> Any:
    """Whether the statements of a trust policy let a request in; all are about sts:AssumeRole."""
    by_effect: dict[str, list[Any]] = {"Allow": [], "Deny": []}
    for each in statements:
        asked = [
            _condition(anybody, operator, key, values)
            for operator, keys in each.get("Condition", {}).items()
            for key, values in keys.items()
        ]
        by_effect[each["Effect"]].append(z3.And(_named(anybody, each["Principal"]), *asked))
    return z3.And(z3.Or(by_effect["Allow"]), z3.Not(z3.Or(by_effect["Deny"])))


@cache
def _principals(kind: str) -> Any:
    path = z3.Option(z3.Concat(z3.Star(z3.Range("!", "~")), z3.Re("/")))
    return z3.Concat(IAM, ACCOUNT, z3.Re(f":{kind}/"), path, z3.Plus(NAME))


def _named(anybody: Anybody, principal: Any) -> Any:
    if principal == "*":
        return z3.BoolVal(True)
    service = anybody.kind == "service"
    named = []
    for name in _listed(principal.get("Service" if service else "AWS", [])):
        whole = f"arn:aws:iam::{name.split(':')[4] if name.endswith(':root') else name}:"
        is_account = name.isdecimal() or name.endswith(":root")
        is_it = anybody.is_in("arn", z3.Concat(z3.Re(whole), ALL) if is_account else z3.Re(name))
        named.append(z3.BoolVal(True) if name == "*" else is_it)
    return z3.Or([*named, z3.BoolVal(service and "*" in _listed(principal.get("AWS", [])))])


def _condition(anybody: Anybody, operator: str, key: str, values: Any) -> Any:
    match = _OPERATOR.fullmatch(operator)
    if match is None:
        raise ValueError(operator)
    quantifier, name, if_exists = match.groups()
    is_there = anybody.present[key]
    if name == "Null":
        return z3.Or([z3.Not(is_there) if value == "true" else is_there for value in _listed(values)])
    negated = "Not" in name
    found = z3.Or([_compared(anybody, name.replace("Not", ""), key, value) for value in _listed(values)])
    met = z3.Not(found) if negated else found
    holds_without = quantifier == "ForAllValues" if quantifier else bool(negated or if_exists)
    return z3.Or(z3.Not(is_there), met) if holds_without or if_exists else z3.And(is_there, met)


def _compared(anybody: Anybody, name: str, key: str, value: str) -> Any:
    if name == "Bool":
        return z3.BoolVal(value == "true")  # each such key is true where it is there
    if name == "IpAddress":
        network = ip_network(value)
        address = anybody.numbers[key]
        return z3.And(address >= int(network[0]), address <= int(network[-1]))
    if name.startswith(("Numeric", "Date")):
        order = name.removeprefix("Numeric").removeprefix("Date")
        return _ordered(order, z3.ToReal(anybody.numbers[key]), _number(value))
    if value.startswith("${"):
        # The whole value is one variable, which stands for a key of a text of its own.
        other = value[2:-1]
        return z3.And(anybody.present[other], anybody.equal(key, other))
    return anybody.matches(key, _language(name, value))


@cache
def _language(name: str, value: str) -> Any:
    """The texts that match a value."""
    if name == "StringEqualsIgnoreCase":
        return _together(_any_case(character) for character in value)
    if name == "StringEquals":
        return z3.Re(value)
    return _arn(value) if name.startswith("Arn") else _glob(value, ALL, ANY)


def _ordered(order: str, given: Any, wanted: Any) -> Any:
    if order == "Equals":
        return given == wanted
    less = {"<": given < wanted, "<=": given <= wanted, ">": given > wanted, ">=": given >= wanted}
    return less[_ORDER[order]]


def _number(value: str) -> Any:
    if "T" in value:
        return z3.RealVal(int(datetime.fromisoformat(value).astimezone(UTC).timestamp()))
    return z3.RealVal(value)


def _arn(value: str) -> Any:
    """Segment by segment, the last of which may hold colons."""
    inside = z3.Diff(ANY, z3.Re(":"))
    *first, last = value.split(":", 5)
    parts = [_glob(part, z3.Star(inside), inside) for part in first]
    return _together([*(z3.Concat(part, z3.Re(":")) for part in parts), _glob(last, ALL, ANY)])


def _glob(value: str, many: Any, one: Any) -> Any:
    return _together(many if each == "*" else one if each == "?" else z3.Re(each) for each in value)


def _any_case(character: str) -> Any:
    return z3.Union(z3.Re(character.lower()), z3.Re(character.upper()))


def _together(parts: Iterable[Any]) -> Any:
    return z3.Concat(z3.Re(""), z3.Re(""), *parts)


def _listed(values: Any) -> list[str]:
    return [values] if isinstance(values, str) else list(values)
