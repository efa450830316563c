"""Builds every binary, deploys the template with the real SAM, and knows the deployed stack."""

import base64
import json
import re
import secrets
import tomllib
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import requests
from botocore.exceptions import BotoCoreError, ClientError

from . import sam
from .console import ROOT, Failure, run
from .emulator import Emulator, host_architecture
from .stripe import LocalStripe
from .tools import require_rust, tool

DEV_STACK = "nannyradar-dev"
BUILD_REMEDY = "mend what the compiler says above"


def binaries() -> list[str]:
    """Every function's binary, out of the source tree."""
    return sorted(path.stem for path in ROOT.glob("functions/*/src/bin/*.rs"))


def build() -> None:
    """The one program with every function (tests/functions), and to target/lambda/<binary>/bootstrap.zip, for each
    function, a script that starts the program as that function.

    With plain cargo: `cargo lambda build` names a target, so it would compile again everything that the tests and
    `cargo lambda watch` have compiled already. The whole workspace is selected, because cargo unites the features of
    the selected packages: alone, the program would compile its dependencies with other features.
    """
    require_rust()
    run(["cargo", "build", "--locked", "--workspace", "--bin", "functions"], "The build failed", BUILD_REMEDY)
    for name in binaries():
        pack(name)


def pack(name: str) -> None:
    """The emulator runs a function as a process on this machine, so the artefact need not contain the program."""
    packed = ROOT / "target/lambda" / name / "bootstrap.zip"
    packed.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(packed, "w") as archive:
        # Without a time of its own, the same script is the same archive.
        archive.writestr(zipfile.ZipInfo("bootstrap"), f'#!/bin/sh\nexec "{ROOT}/target/debug/functions" {name}\n')


def build_for_lambda() -> None:
    """All binaries optimised for Graviton and Amazon Linux 2023, with the linker that cargo-lambda brings."""
    require_rust()
    # Without what is for tests: the programs of these packages take minutes of link-time optimisation.
    chosen = ["--workspace", "--exclude", "functions", "--exclude", "conformance"]
    command = [tool("cargo-lambda"), "lambda", "build", "--release", "--arm64", "--output-format", "zip", *chosen]
    run(command, "The build failed", BUILD_REMEDY)


def deploy_to(emulator: Emulator, stripe: LocalStripe) -> "Stack":
    """The templates, with that Stripe on its other side."""
    overrides = tomllib.loads((ROOT / "samconfig.toml").read_text())["dev"]["deploy"]["parameters"][
        "parameter_overrides"
    ]
    command = [tool("sam"), "deploy", "--config-file", ROOT / "samconfig.toml", "--config-env", "dev"]
    command += ["--stack-name", DEV_STACK, "--no-progressbar"]
    local = [f"Architecture={host_architecture()}", f"StripeApiUrl={stripe.url}"]
    parameters = ["--parameter-overrides", *overrides, *local]
    try:
        with TemporaryDirectory() as folder:
            template = ["--template-file", sam.write_translated(Path(folder))]
            run([*command, *template, *parameters], "The deployment failed", "see above", emulator.client_env)
    except Failure as failure:
        reasons = failed_resources(emulator)
        if reasons:
            raise Failure(
                f"The deployment failed: {'; '.join(reasons)}", "mend the template or that function"
            ) from failure
        raise
    stack = Stack(emulator)
    stack.introduce(stripe)
    return stack


def failed_resources(emulator: Emulator) -> list[str]:
    try:
        pages = list(
            client(emulator, "cloudformation").get_paginator("describe_stack_events").paginate(StackName=DEV_STACK)
        )
    except ClientError:  # There may not even be a stack; then SAM's own words are the better ones.
        return []
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for page in pages
        for event in page["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED")
    ]


@cache
def client(emulator: Emulator, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=emulator.url,
        region_name=emulator.client_env["AWS_REGION"],
        aws_access_key_id=emulator.client_env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=emulator.client_env["AWS_SECRET_ACCESS_KEY"],
    )


class Stack:
    """The deployed service, seen from outside."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        described = client(emulator, "cloudformation").describe_stacks(StackName=DEV_STACK)["Stacks"][0]
        self.outputs: dict[str, str] = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

    def client(self, service: str) -> Any:
        return client(self.emulator, service)

    @property
    def host(self) -> str:
        """The emulator finds the API by this name. Browsers and curl resolve it by themselves, Python does not."""
        return f"{self.outputs['ApiId']}.execute-api.localhost"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.emulator.port}/v1"

    def request(self, method: str, path: str, token: str | None = None, **options: Any) -> requests.Response:
        headers = {"Host": f"{self.host}:{self.emulator.port}", **options.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return requests.request(method, f"{self.emulator.url}/v1{path}", headers=headers, timeout=60, **options)

    def mailbox(self, recipient: str) -> list[dict[str, Any]]:
        """The mails that were sent to this address, oldest first."""
        accounts = requests.get(f"{self.emulator.url}/_ministack/ses/messages", timeout=10).json()["messages"]
        return [mail for mails in accounts.values() for mail in mails if recipient in mail["To"]]

    def mail_token(self, recipient: str, path: str) -> str | None:
        """The token of the youngest link to that page of the web app that was sent to this address."""
        mails = (mail["BodyText"] for mail in reversed(self.mailbox(recipient)))
        found = (re.search(rf"{re.escape(path)}#token=([\w-]+)", mail) for mail in mails)
        return next((match[1] for match in found if match), None)

    def codes(self, phone: str) -> list[str]:
        """The codes that were sent by text to this number, oldest first."""
        sent = requests.get(
            f"{self.emulator.url}/_ministack/sns/sms-messages", params={"phoneNumber": phone}, timeout=10
        )
        return [text["Message"][:6] for text in sent.json()["sms_messages"][phone]]

    def appoint(self, email: str, name: str) -> str:
        """Makes somebody an administrator, who gets a mail to choose a password with. Answers with the account."""
        return appoint(self.client("lambda"), self.outputs, email, name)

    def introduce(self, stripe: LocalStripe) -> None:
        """What an operator does once, by hand: others' secrets go into ours, and our address into Stripe's settings."""
        told = {
            "StripeSecretArn": {"api_key": stripe.api_key, "webhook_secret": stripe.webhook_secret},
            "BackgroundCheckSecretArn": {"webhook_secret": base64.b64encode(secrets.token_bytes(24)).decode()},
        }
        for output, value in told.items():
            client = self.client("secretsmanager")
            client.put_secret_value(SecretId=self.outputs[output], SecretString=json.dumps(value))
        stripe.deliver_to(f"{self.emulator.url}/v1/webhooks/stripe", host=f"{self.host}:{self.emulator.port}")

    @property
    def stripe(self) -> LocalStripe:
        """The Stripe on its other side, on this machine."""
        variables = self.functions()["payments-work"]["Environment"]["Variables"]
        return LocalStripe(int(variables["STRIPE_API_URL"].rpartition(":")[2]), **self.secret("StripeSecretArn"))

    def secret(self, output: str) -> dict[str, str]:
        """What is kept under the ARN that an output of the stack names."""
        kept = self.client("secretsmanager").get_secret_value(SecretId=self.outputs[output])
        return json.loads(kept["SecretString"])

    def functions(self) -> dict[str, dict[str, Any]]:
        """The deployed functions by the name of their binary."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        prefix = f"{DEV_STACK}-"
        return {
            binary_of(found["FunctionName"].rpartition("-")[2]): found
            for page in pages
            for found in page["Functions"]
            if found["FunctionName"].startswith(prefix)
        }


def reach(environment: str, port: int) -> tuple[Callable[[str], Any], dict[str, str]]:
    """Clients of a deployed stack, with the credentials of your shell, and its outputs."""
    try:
        if environment == "dev":
            stack = Stack(Emulator(port, log_file("emulator.log")))
            return stack.client, stack.outputs
        deployed = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]

        def connect(service: str) -> Any:
            return boto3.client(service, region_name=deployed["region"])

        stacks = connect("cloudformation").describe_stacks(StackName=deployed["stack_name"])["Stacks"]
        return connect, {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    except (BotoCoreError, ClientError) as error:
        problem = f"The stack of {environment} did not answer: {error}"
        raise Failure(problem, "deploy it, and look at your credentials") from error


def call(functions: Any, name: str, order: dict[str, Any], trouble: str) -> dict[str, Any]:
    """What a function answers to an order."""
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(order))
    report = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise Failure(trouble, report.get("errorMessage", "look at the function's log"))
    return report


def appoint(functions: Any, outputs: dict[str, str], email: str, name: str) -> str:
    order = {"email": email, "name": name}
    return call(functions, outputs["AdminCreateFunction"], order, "Nobody was made an administrator")["user_id"]


def binary_of(logical_id: str) -> str:
    """`AuthLogin` in the template is the binary `auth-login`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", logical_id).lower()


def log_file(name: str) -> Path:
    return ROOT / ".local" / name
