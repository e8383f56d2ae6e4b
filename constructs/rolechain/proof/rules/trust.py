"""Who may stand in a trust policy, and how."""

from __future__ import annotations

from rolechain.graph.finding import Level
from rolechain.iam.arn import partition_of, root_of
from rolechain.iam.condition_keys import PRINCIPAL_ARN
from rolechain.iam.limits import UNIQUE_ID
from rolechain.policy.trust_problems import Subject, trust_problems
from rolechain.proof.rules import principals
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement, located_statements
from rolechain.proof.rules.rule import Violation, Violations, rule


@rule(
    "RC01",
    "a `*` principal stands with a condition on the organization or on aws:PrincipalArn",
    prevents="a role that every AWS account of the world may assume",
    source="AWS guardrail IAM-STS-2; IAM User Guide, JSON policy elements: Principal",
)
def open_to_everyone(survey: RuleContext) -> Violations:
    """A ``*`` that no condition closes, whatever its operator is called."""
    organization = (survey.chain.organization if survey.chain else None) or "<the organization's id>"
    for entry in survey.entries:
        if principals.everyone(entry) and (who := principals.strangers(entry)):
            yield Violation(
                entry.place,
                f"{entry.role.arn} trusts *, and no condition keeps {who} out",
                f"name the caller's account as Principal with ArnEquals aws:PrincipalArn on its role, or add "
                f'{{"StringEquals": {{"aws:PrincipalOrgID": "{organization}"}}}}',
            )


@rule(
    "RC02",
    "every Principal is written as IAM takes it: an account by 12 digits or its root, a role, user or session by its "
    "ARN, a service by its domain, and no wildcard but * itself",
    prevents="MalformedPolicyDocument when the stack is deployed",
    source="IAM User Guide, JSON policy elements: Principal",
)
def refused_principal(survey: RuleContext) -> Violations:
    """A principal that IAM refuses."""
    for ruling in survey.trust:
        for problem in trust_problems(ruling.statement):
            if problem.subject is Subject.PRINCIPAL:
                yield Violation(ruling.place, problem.message, problem.cure)


@rule(
    "RC03",
    "a trust policy says whom it lets in by Principal, and names no Resource and no action but STS's; a permission "
    "names its Resource as an ARN or *, and no Principal",
    prevents="MalformedPolicyDocument when the stack is deployed",
    source="IAM User Guide, JSON policy elements: NotPrincipal, Resource; AWS guardrails for IAM trust policies",
)
def refused_element(survey: RuleContext) -> Violations:
    """NotPrincipal, Resource, NotResource or another service's action in a trust policy, or no Principal."""
    for ruling in survey.trust:
        for problem in trust_problems(ruling.statement):
            if problem.subject is Subject.ELEMENT:
                yield Violation(
                    ruling.place, f"the trust policy of {ruling.role.arn} {problem.message}", problem.cure
                )
    for role in survey.world.roles:
        for record in role.policies:
            for ruling in located_statements(role, record):
                yield from _refused_permission(ruling)


def _refused_permission(ruling: LocatedStatement) -> Violations:
    statement = ruling.statement
    if statement.effect is None and not ruling.element:
        return
    whose = f"{ruling.record.name} of {ruling.role.arn}"
    if statement.principals is not None or statement.not_principal:
        yield Violation(ruling.place, f"{whose} names a Principal, which IAM refuses there", "leave it out")
    resources = statement.resources.written if statement.resources else ()
    if not resources:
        yield Violation(
            ruling.place, f"a statement of {whose} names no Resource, which IAM refuses", "name it"
        )
    for resource in resources:
        if not resource.startswith(("arn:", "an unresolved ")) and not set(resource) & set("*?$"):
            yield Violation(
                ruling.place,
                f"{whose} has the Resource {resource!r}, which is no ARN and which IAM refuses",
                "write an ARN or *",
            )


@rule(
    "RC05",
    "principals come from the declared chain or the organization only",
    prevents="access of a principal that nobody declared",
    source="AWS guardrail IAM-STS-3",
)
def undeclared_principal(_: RuleContext) -> Violations:
    """Nothing here: the proof itself finds who is let in and not declared, as it tries every edge."""
    yield from ()


@rule(
    "RC06",
    "an account's root as principal stands with a condition on aws:PrincipalArn; for a third party an "
    "sts:ExternalId stands in its place",
    prevents="every identity of that account to which sts:AssumeRole is delegated gets in",
    source="IAM User Guide, JSON policy elements: AWS account principals",
    levels="error warning",
)
def whole_account(survey: RuleContext) -> Violations:
    """An account as a whole, which no condition narrows down; a declared entrance of the account is meant.

    The roles of CDK's bootstrap trust their own account by design, and an account that is not the user's by --trust.
    """
    for entry in survey.entries:
        for account, partition in principals.delegated(entry):
            if ("account", account) in survey.entrances(entry.role) or _opens(survey, entry, account):
                continue
            if not principals.lets_whole_account_in(entry, account):
                continue
            third_party = survey.chain is None and account not in survey.accounts
            bootstrap = survey.is_bootstrap(entry.role)
            if (bootstrap and not third_party) or (third_party and principals.asks_for_external_id(entry)):
                continue
            if bootstrap:
                yield Violation(
                    entry.place,
                    f"{entry.role.arn} trusts account {account} as a whole, as cdk bootstrap --trust was told: whoever "
                    "may call sts:AssumeRole there works here through CDK's roles",
                    f"leave {account} out of --trust unless it deploys here, and name what deployments may do with "
                    "--cloudformation-execution-policies",
                    Level.WARNING,
                )
                continue
            yield Violation(
                entry.place,
                f"{entry.role.arn} trusts account {account} as a whole: every role and user that may call "
                "sts:AssumeRole there gets in",
                f'add {{"ArnEquals": {{"aws:PrincipalArn": "{_caller(survey, entry, account, partition)}"}}}}'
                + (", or an sts:ExternalId" if third_party else ""),
                Level.WARNING if third_party else None,
            )


def _opens(survey: RuleContext, entry: LocatedStatement, account: str) -> bool:
    """Whether the chain declares that a role trusts its caller's account as a whole."""
    declared = survey.hop_roles.get(entry.role.arn)
    if declared is None or declared.trust != "account" or survey.chain is None:
        return False
    return any(hop.caller.account == account for hop in survey.chain.calls_into(declared))


def _caller(survey: RuleContext, entry: LocatedStatement, account: str, partition: str) -> str:
    """The role of an account that is meant to call, or where its name has to be written."""
    declared = survey.hop_roles.get(entry.role.arn)
    hops = survey.chain.calls_into(declared) if survey.chain and declared else ()
    callers = [hop.caller.arn for hop in hops if hop.caller.account == account]
    return callers[0] if callers else f"arn:{partition}:iam::{account}:role/<path and name>"


@rule(
    "RC21",
    "a trust policy names its caller so that the caller may be made again",
    prevents="a role's ARN turns into the id of a role that is gone, and the hop breaks",
    source="IAM User Guide, JSON policy elements: IAM role principals",
    levels="warning",
)
def orphaned_when_recreated(survey: RuleContext) -> Violations:
    """A role that is named directly, or what is left of one."""
    for entry in survey.entries:
        for value in entry.aws:
            if principals.is_role(value):
                root = root_of(value)
                statement = f'"Principal": {{"AWS": "{root}"}} with {{"ArnEquals": {{"aws:PrincipalArn": "{value}"}}}}'
                declared = survey.hop_roles.get(entry.role.arn)
                by_declaration = declared is not None and declared.trust == "role_arn"
                yield Violation(
                    entry.place,
                    f"{entry.role.arn} trusts {value} itself: deleted and made again, that role is locked out",
                    ("declare trust: principal_arn for it, which writes " if by_declaration else "write ")
                    + statement,
                )
            elif UNIQUE_ID.fullmatch(value):
                yield Violation(
                    entry.place,
                    f"{entry.role.arn} trusts {value}, the id that IAM shows where a principal was deleted",
                    "name the principal's ARN as aws:PrincipalArn, with its account's root as Principal",
                )


@rule(
    "RC27",
    "no trust policy names one session of a role",
    prevents="a hop that breaks when the session gets another name",
    source="IAM User Guide, JSON policy elements: Role session principals",
    levels="warning",
)
def pinned_to_session(survey: RuleContext) -> Violations:
    """The ARN of an assumed role as principal."""
    for entry in survey.entries:
        for value in entry.aws:
            parts = value.split(":", 5)
            if len(parts) == 6 and parts[2] == "sts" and parts[5].startswith("assumed-role/"):
                name = parts[5].split("/")[1]
                yield Violation(
                    entry.place,
                    f"{entry.role.arn} trusts {value}: a session of that role by another name is refused",
                    f'write "Principal": {{"AWS": "arn:{parts[1]}:iam::{parts[4]}:root"}} with {{"ArnEquals": '
                    f'{{"aws:PrincipalArn": "arn:{parts[1]}:iam::{parts[4]}:role/{name}"}}}}, path included',
                )


@rule(
    "RC28",
    "IAM users are kept out of the chain, except one that is declared to enter it",
    prevents="long-term access keys inside the chain",
    source="IAM User Guide, Security best practices: require temporary credentials",
    levels="warning",
)
def users_let_in(survey: RuleContext) -> Violations:
    """A chain's role that lets IAM users in, by name or along with others."""
    for entry in survey.entries:
        if entry.role.arn not in survey.declared:
            continue
        entrances = survey.entrances(entry.role)
        named = [value for value in entry.aws if ":user/" in value or value.startswith("AIDA")]
        named += [value for value in principals.pinned(entry, PRINCIPAL_ARN) if ":user/" in value]
        for value in dict.fromkeys(named):
            if ("arn", value) not in entrances:
                yield _user(entry, f"the IAM user {value}")
        accounts: list[str | None] = [account for account, _ in principals.delegated(entry)]
        if principals.everyone(entry) and not accounts:
            accounts = [None]
        for account in accounts:
            entrance = entrances.get(("account", account)) if account else None
            welcome = entrance is not None and entrance.iam_users
            if not welcome and principals.lets_whole_account_in(entry, account, users=True):
                whose = f"account {account}" if account else "any account that gets in"
                yield _user(entry, f"IAM users of {whose}")


def _user(entry: LocatedStatement, who: str) -> Violation:
    partition = partition_of(entry.role.arn)
    return Violation(
        entry.place,
        f"{entry.role.arn} lets in {who}, whose access keys last until they are deleted",
        f'let roles in only: {{"ArnLike": {{"aws:PrincipalArn": "arn:{partition}:iam::<account>:role/<path and '
        'name>"}}',
    )
