"""Deployments to AWS: what the account must have before, and a first deployment that can be rolled back and repeated."""

import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from .console import ROOT, Failure, say
from .tools import tool

Connect = Callable[[str], Any]

# Lambda's default quota of concurrent executions. New accounts start with less, some with 10, and a function's reserved
# concurrency must leave 100 of it to the others.
CONCURRENCY = 1000
# A stack whose first deployment failed. CloudFormation can only delete it.
FAILED = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
BUCKETS = ["uploads", "media"]


@dataclass(frozen=True)
class Target:
    """A stack that is deployed to AWS, by its section of samconfig.toml."""

    environment: str
    name: str
    region: str
    parameters: tuple[str, ...]

    @classmethod
    def of(cls, environment: str) -> "Target":
        section = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
        # Names of buckets are lower-case, and the longest name of a function adds 33 characters of 64.
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", section["stack_name"]):
            raise Failure(f"No stack can be called {section['stack_name']}", "use 31 lower-case letters, digits and hyphens")
        return cls(environment, section["stack_name"], section["region"], tuple(section["parameter_overrides"]))

    @property
    def email_domain(self) -> str:
        return dict(each.split("=", 1) for each in self.parameters)["EmailDomain"]

    def connect(self, service: str) -> Any:
        return boto3.client(service, region_name=self.region)


def deploy_account(target: Target) -> None:
    """The stack of the account and the region."""
    sam_deploy(target)
    require_deployed(target)
    protect(target.connect, target)


def deploy(target: Target) -> None:
    """A stack of the service. Its first deployment is not protected from deletion, or it could not be rolled back."""
    status = stack_status(target.connect, target)
    if status is None:
        sam_deploy(target, "Protect=no")
        require_deployed(target)
        # Nothing is left to confirm: only the protection changes.
        sam_deploy(target, "Protect=yes", options=["--no-confirm-changeset"])
    else:
        sam_deploy(target, "Protect=yes")
    protect(target.connect, target)
    for line in [*records(target.connect, target), *restrictions(target.connect)]:
        say(line)


def sam_deploy(target: Target, *parameters: str, options: list[str] | None = None) -> None:
    # With our terminal: SAM asks before it changes production.
    command = [tool("sam"), "deploy", "--config-env", target.environment, *(options or [])]
    command += ["--parameter-overrides", *target.parameters, *parameters]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise Failure(f"The deployment of {target.name} failed", "SAM's output above names the resource")


def require_deployed(target: Target) -> None:
    """SAM also ends well when somebody has said no to its question."""
    if stack_status(target.connect, target) is None:
        raise Failure(f"The deployment of {target.name} was not confirmed", "answer y to SAM's question")


def protect(connect: Connect, target: Target) -> None:
    connect("cloudformation").update_termination_protection(StackName=target.name, EnableTerminationProtection=True)


def stack_status(connect: Connect, target: Target) -> str | None:
    """None for a stack that was never deployed."""
    try:
        [stack] = connect("cloudformation").describe_stacks(StackName=target.name)["Stacks"]
    except ClientError as error:
        # CloudFormation has no code of its own for it.
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    # Of such a stack there is only a change set.
    return None if stack["StackStatus"] == "REVIEW_IN_PROGRESS" else stack["StackStatus"]


def require_ready(connect: Connect, target: Target) -> None:
    """Fails with the first thing that would make the deployment fail, half an hour before it would."""
    for failure in obstacles(connect, target):
        raise failure


def obstacles(connect: Connect, target: Target) -> Iterator[Failure]:
    if not connect("apigateway").get_account().get("cloudwatchRoleArn"):
        yield Failure("API Gateway may not write logs in this account", "run scripts/deploy account")
    quota = connect("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if quota < CONCURRENCY:
        yield Failure(
            f"Lambda's quota of concurrent executions is {quota}, and {CONCURRENCY} are needed",
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
            f"--desired-value {CONCURRENCY}",
        )
    status = stack_status(connect, target)
    if status in FAILED:
        yield Failure(
            f"The stack {target.name} is {status}",
            f"read its events, then: aws cloudformation delete-stack --stack-name {target.name}",
        )
    if status is None:
        yield from leftovers(connect, target)


def leftovers(connect: Connect, target: Target) -> Iterator[Failure]:
    """What a new stack would create and is there already."""
    if identity(connect, target) is not None:
        yield Failure(
            f"SES already has the identity {target.email_domain}, which the stack creates",
            f"aws sesv2 delete-email-identity --email-identity {target.email_domain}, deploy, then publish the new records",
        )
    account = connect("sts").get_caller_identity()["Account"]
    for name in (f"{target.name}-{each}-{account}" for each in BUCKETS):
        try:
            connect("s3").head_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
                continue
        yield Failure(f"There is a bucket {name}, which the stack creates", "save what is in it, and delete the bucket")


def identity(connect: Connect, target: Target) -> dict[str, Any] | None:
    emails = connect("sesv2")
    try:
        return emails.get_email_identity(EmailIdentity=target.email_domain)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NotFoundException":
            return None
        raise


def records(connect: Connect, target: Target) -> Iterator[str]:
    """The DNS records that SES waits for."""
    found = identity(connect, target) or {}
    domain = target.email_domain
    if not found.get("VerifiedForSendingStatus"):
        yield f"SES does not send yet. Publish these records of {domain}:"
        for token in found.get("DkimAttributes", {}).get("Tokens", []):
            yield f"  {token}._domainkey.{domain}  CNAME  {token}.dkim.amazonses.com"
        yield f'  _dmarc.{domain}  TXT  "v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}"'
    sender = found.get("MailFromAttributes", {})
    if sender.get("MailFromDomain") and sender.get("MailFromDomainStatus") != "SUCCESS":
        yield "Bounces do not come to our domain yet. Publish these records:"
        yield f"  {sender['MailFromDomain']}  MX  10 feedback-smtp.{target.region}.amazonses.com"
        yield f'  {sender["MailFromDomain"]}  TXT  "v=spf1 include:amazonses.com ~all"'


def restrictions(connect: Connect) -> Iterator[str]:
    """What a new account may not do until AWS has been asked. docs/OPERATIONS.md says how."""
    if not connect("sesv2").get_account()["ProductionAccessEnabled"]:
        yield "SES is in its sandbox: emails go to verified addresses only."
    texts = connect("sns")
    if texts.get_sms_sandbox_account_status()["IsInSandbox"]:
        yield "SNS is in its sandbox: texts go to verified numbers only."
    attributes = texts.get_sms_attributes()["attributes"]
    limit = float(attributes.get("MonthlySpendLimit", 1))
    if limit <= 1:
        yield f"SNS sends texts for {limit:g} USD a month, which are about 20."
    if not attributes.get("DeliveryStatusIAMRole"):
        yield "SNS does not log texts that are not delivered, so SmsFailuresAlarm cannot ring."
