"""Who may stand in a trust policy, and how, and which actions it grants."""

from __future__ import annotations

from rolechain.graph.access import ASSUME
from rolechain.graph.finding import Level
from rolechain.iam.arn import account_of, iam_arn, partition_of, resource_type_of, session_names
from rolechain.iam.condition_keys import PRINCIPAL_ARN
from rolechain.iam.limits import is_unique_id
from rolechain.model.role import ChainRole
from rolechain.policy.elements import UNRESOLVED
from rolechain.policy.trust_problems import Subject, trust_problems
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement, by_root, is_role, located_statements
from rolechain.proof.rules.rule import Violation, Violations, rule


@rule(
    "RC01",
    "a `*` principal stands with a condition on the organization or on aws:PrincipalArn",
    prevents="a role that every AWS account of the world may assume",
    source="AWS guardrail IAM-STS-2; IAM User Guide, JSON policy elements: Principal",
)
def open_to_everyone(context: RuleContext) -> Violations:
    organization = context.organization or "<the organization's id>"
    for entry in context.entries:
        if entry.everyone and (who := entry.untrusted):
            yield entry.violation(
                f"trusts *, and no condition keeps {who} out",
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
def refused_principal(context: RuleContext) -> Violations:
    for located in context.trust:
        for problem in trust_problems(located.statement):
            if problem.subject is Subject.PRINCIPAL:
                yield Violation(located.place, problem.message, problem.remediation)


@rule(
    "RC03",
    "every policy is a document of IAM's grammar: a trust policy says whom it lets in by Principal, and names no "
    "Resource and no action but STS's; a permission names its Resource as an ARN or *, and no Principal",
    prevents="MalformedPolicyDocument when the stack is deployed",
    source="IAM User Guide, JSON policy elements: NotPrincipal, Resource; AWS guardrails for IAM trust policies",
)
def refused_element(context: RuleContext) -> Violations:
    for located in context.trust:
        for problem in trust_problems(located.statement):
            if problem.subject is Subject.ELEMENT:
                yield Violation(
                    located.place, f"the trust policy of {located.arn} {problem.message}", problem.remediation
                )
    for role in context.graph.roles:
        for record in role.policies:
            for located in located_statements(role, record):
                yield from _refused_permission(located)


def _refused_permission(located: LocatedStatement) -> Violations:
    statement = located.statement
    if statement.unread:
        return
    whose = f"{located.record.name} of {located.arn}"
    if statement.principals is not None or statement.not_principal:
        yield Violation(located.place, f"{whose} names a Principal, which IAM refuses there", "leave it out")
    resources = statement.resources.written if statement.resources else ()
    if not resources:
        yield Violation(
            located.place, f"a statement of {whose} names no Resource, which IAM refuses", "name it"
        )
    for resource in resources:
        if not resource.startswith(("arn:", UNRESOLVED)) and not set(resource) & set("*?$"):
            message = f"{whose} has the Resource {resource!r}, which is not an ARN, and IAM refuses it"
            yield Violation(located.place, message, "write an ARN or *")


@rule(
    "RC06",
    "an account's root as principal stands with a condition on aws:PrincipalArn; for a third party an "
    "sts:ExternalId stands in its place",
    prevents="every identity of that account to which sts:AssumeRole is delegated gets in; in an audit a warning of "
    "the role's own account, whose policies alone decide then, and of a third party's, of which RC04 is the error",
    source="IAM User Guide, JSON policy elements: AWS account principals",
    levels="error warning",
)
def whole_account(context: RuleContext) -> Violations:
    """An account as a whole, which no condition narrows down; a declared entrance of the account is meant.

    The roles of CDK's bootstrap trust their own account by design, and an account that is not the user's by --trust.
    In an audit the role's own account is a warning: only principals that the account's own policies give
    sts:AssumeRole get in. In a chain it is an error, as its hop is declared.
    """
    for entry in context.entries:
        for account, partition in entry.delegated:
            callers = [each.arn for each in _callers(context, entry) if each.account == account]
            declared = context.hop_roles.get(entry.arn)
            opened = declared is not None and declared.trust == "account" and callers
            if ("account", account) in context.entrances(entry.role) or opened:
                continue
            if not entry.lets_whole_account_in(account):
                continue
            third_party = context.chain is None and account not in context.accounts
            bootstrap = context.is_bootstrap(entry.role)
            if (bootstrap and not third_party) or (third_party and entry.asks_for_external_id):
                continue
            if bootstrap:
                yield entry.violation(
                    f"trusts account {account} as a whole, as cdk bootstrap --trust set it: every role and user that "
                    "may call sts:AssumeRole there can act here through CDK's roles",
                    f"leave {account} out of --trust unless it deploys here, and name what deployments may do with "
                    "--cloudformation-execution-policies",
                    Level.WARNING,
                )
                continue
            caller = callers[0] if callers else iam_arn(partition, account, "role/<path and name>")
            # Whom * names needs no policy of its own in the role's account.
            by_own_policy = account == account_of(entry.arn) and not entry.everyone
            yield entry.violation(
                f"trusts account {account} as a whole: every role and user that may call "
                "sts:AssumeRole there gets in",
                f'add {{"ArnEquals": {{"aws:PrincipalArn": "{caller}"}}}}'
                + (", or an sts:ExternalId" if third_party else ""),
                Level.WARNING if third_party or (context.chain is None and by_own_policy) else None,
            )


def _callers(context: RuleContext, entry: LocatedStatement) -> list[ChainRole]:
    """The roles that the chain declares as callers of a statement's role."""
    callee = context.hop_roles.get(entry.arn)
    return [hop.caller for hop in context.chain.calls_into(callee)] if context.chain and callee else []


@rule(
    "RC21",
    "a trust policy names its caller so that the caller may be made again",
    prevents="a role's ARN turns into the id of a role that is gone, and the hop breaks",
    source="IAM User Guide, JSON policy elements: IAM role principals",
    levels="warning",
)
def orphaned_when_recreated(context: RuleContext) -> Violations:
    for entry in context.entries:
        for value in entry.aws:
            if is_role(value):
                declared = context.hop_roles.get(entry.arn)
                by_declaration = declared is not None and declared.trust == "role_arn"
                how = "declare trust: principal_arn for it, which writes" if by_declaration else "write"
                yield entry.violation(
                    f"trusts {value} itself: deleted and made again, that role is locked out",
                    f"{how} {by_root(value)}",
                )
            elif is_unique_id(value):
                yield entry.violation(
                    f"trusts {value}, the id that IAM shows where a principal was deleted",
                    "name the principal's ARN as aws:PrincipalArn, with its account's root as Principal",
                )


@rule(
    "RC27",
    "no trust policy names one session of a role",
    prevents="a hop that breaks when the session gets another name",
    source="IAM User Guide, JSON policy elements: Role session principals",
    levels="warning",
)
def pinned_to_session(context: RuleContext) -> Violations:
    for entry in context.entries:
        for value in entry.aws:
            if session := session_names(value):
                arn = iam_arn(partition_of(value), account_of(value), f"role/{session[0]}")
                yield entry.violation(
                    f"trusts {value}: a session of that role by another name is refused",
                    f"write {by_root(arn)}, path included",
                )


@rule(
    "RC28",
    "IAM users are kept out of the chain, except one that is declared to enter it",
    prevents="long-term access keys inside the chain",
    source="IAM User Guide, Security best practices: require temporary credentials",
    levels="warning",
)
def users_let_in(context: RuleContext) -> Violations:
    for entry in context.entries:
        if entry.arn not in context.declared:
            continue
        entrances = context.entrances(entry.role)
        named = [
            value for value in entry.aws if resource_type_of(value) == "user" or value.startswith("AIDA")
        ]
        named += [value for value in entry.pinned(PRINCIPAL_ARN) if ":user/" in value]
        for value in dict.fromkeys(named):
            if ("arn", value) not in entrances:
                yield _user(entry, f"the IAM user {value}")
        accounts: list[str | None] = [account for account, _ in entry.delegated]
        if entry.everyone and not accounts:
            accounts = [None]
        for account in accounts:
            entrance = entrances.get(("account", account)) if account else None
            welcome = entrance is not None and entrance.iam_users
            if not welcome and entry.lets_whole_account_in(account, users=True):
                whose = f"account {account}" if account else "any account that gets in"
                yield _user(entry, f"IAM users of {whose}")


def _user(entry: LocatedStatement, who: str) -> Violation:
    partition = partition_of(entry.arn)
    return entry.violation(
        f"lets in {who}, whose access keys last until they are deleted",
        f'let roles in only: {{"ArnLike": {{"aws:PrincipalArn": "arn:{partition}:iam::<account>:role/<path and '
        'name>"}}',
    )


_SESSION_ACTIONS = {
    "sts:tagsession": ("aws:requesttag/", "aws:tagkeys", "sts:transitivetagkeys"),
    "sts:setsourceidentity": ("sts:sourceidentity", "aws:sourceidentity"),
}
"""The actions that a hop uses besides AssumeRole where a condition asks for one of these keys."""


@rule(
    "RC36",
    "a trust policy grants the actions that its hop uses and no others",
    prevents="more than was asked for: tags, or an identity, that nobody meant to take from the caller",
    source="IAM User Guide, Security best practices: least privilege; AWS guardrails for IAM trust policies",
    levels="warning",
)
def actions_granted(context: RuleContext) -> Violations:
    for located in context.trust:
        if located.statement.effect != "Allow":
            continue
        actions = located.statement.actions
        if actions.negated:
            surplus = [f"all but {', '.join(actions.written)}"]
        else:
            surplus = [name for name in actions.written if set(name) & set("*?")]
            if located.arn in context.hop_roles:
                named = [name for name in actions.written if name not in surplus]
                surplus += [name for name in named if _unused(context, located, name)]
        of_saml = {":saml-provider/" in provider for provider in located.federated}
        uses = ["sts:AssumeRoleWithSAML"] if True in of_saml else []
        uses += ["sts:AssumeRoleWithWebIdentity"] if False in of_saml else []
        if surplus:
            yield Violation(
                located.place,
                f"the trust policy of {located.arn} grants {', '.join(surplus)}",
                f"write {' and '.join(uses or ['sts:AssumeRole'])}",
            )


def _unused(context: RuleContext, located: LocatedStatement, name: str) -> bool:
    """Whether an action of a chain's trust policy is none that the hop into it uses."""
    action = name.lower()
    if action == ASSUME or name.startswith(UNRESOLVED):
        return False
    if action not in _SESSION_ACTIONS:
        return True
    if any(
        key.startswith(_SESSION_ACTIONS[action])
        for statement in located.record.policy.statements
        for key in statement.keys
    ):
        return False
    callers = (context.roles.get(caller.arn) for caller in _callers(context, located))
    return not any(
        action in statement.actions.exact
        for caller in callers
        if caller
        for record in caller.policies
        for statement in record.policy.statements
        if statement.effect == "Allow"
    )
