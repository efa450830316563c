"""What must hold for the templates to be deployed to AWS for the first time, twice in one account, and again after a failure.

Every check gets the templates as CloudFormation does, by the logical ids of their stacks, the root as ""."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from model import period

REGION = "eu-west-1"
NESTED = "AWS::CloudFormation::Stack"
Templates = dict[str, dict[str, Any]]
Resource = dict[str, Any]

# Identified by a domain that a parameter names, and no two stacks have the same.
OF_A_DOMAIN = {"AWS::SES::EmailIdentity", "AWS::ApiGateway::DomainName"}
KEPT = {"Retain", "RetainExceptOnCreate", "Snapshot"}
PROTECTING = {"DeletionProtectionEnabled", "DeletionProtection"}


def every(stacks: Templates) -> Iterator[tuple[str, str, Resource]]:
    """All resources, with the name of their stack and their own for a message."""
    for stack, template in stacks.items():
        for name, resource in template["Resources"].items():
            yield stack, f"{stack}.{name}".removeprefix("."), resource


@cache
def identifiers(kind: str) -> set[str]:
    """The properties that a template may name a resource with, by the schema of its type."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    ours = set(schema.get("primaryIdentifier", [])) - set(schema.get("readOnlyProperties", []))
    # AWS identifies some by an ARN or a URL, in which there is a name of ours that cannot change.
    fixed = {"/properties/Name", f"/properties/{kind.rpartition('::')[2]}Name"} & set(schema.get("createOnlyProperties", []))
    return {path.removeprefix("/properties/") for path in ours | fixed}


def names(resource: Resource) -> dict[str, Any]:
    """What a template names a resource with."""
    kind, properties = resource["Type"], resource.get("Properties", {})
    if kind == NESTED or kind.startswith(("Custom::", "AWS::Serverless::")) or kind in OF_A_DOMAIN:
        return {}
    return {each: properties[each] for each in identifiers(kind) if each in properties}


def is_of_the_stack(value: Any, stacks: Templates, stack: str) -> bool:
    """Whether no other stack has the same text: the name of the stack is in it, or something that is named after it."""
    match value:
        case {"Ref": "AWS::StackName"} | {"Fn::GetAtt": _}:
            return True
        case {"Ref": str(name)} if name in stacks[stack]["Resources"]:
            return True
        case {"Ref": str(name)} if stack:
            given = stacks[""]["Resources"][stack]["Properties"].get("Parameters", {})
            return is_of_the_stack(given.get(name), stacks, "")
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
            parts = re.findall(r"\$\{([^}]+)\}", text)
            return any("." in part or is_of_the_stack({"Ref": part}, stacks, stack) for part in parts)
        case {"Fn::If": [_, *values]}:
            return all(is_of_the_stack(each, stacks, stack) for each in values)
        case {"Fn::Join": [_, list(values)]}:
            return any(is_of_the_stack(each, stacks, stack) for each in values)
    return False


def names_follow_from_the_stack(stacks: Templates) -> Iterator[str]:
    """Two stacks of an account would otherwise want the same name."""
    for stack, name, resource in every(stacks):
        given = names(resource)
        if given and not any(is_of_the_stack(value, stacks, stack) for value in given.values()):
            yield f"the name of {name} does not follow from the name of the stack"


def policies(resource: Resource, attribute: str) -> set[str]:
    """What may happen to a resource, under whatever condition. CloudFormation's default is Delete."""
    match resource.get(attribute, "Delete"):
        case {"Fn::If": [_, *values]}:
            return set(values)
        case policy:
            return {policy}


def kept_names_can_be_made_again(stacks: Templates) -> Iterator[str]:
    """A first deployment that fails must take what it made with it, or the next one finds the name in use."""
    for _, name, resource in every(stacks):
        if names(resource) and "Retain" in policies(resource, "DeletionPolicy"):
            yield f"{name} has a fixed name and stays when its creation is rolled back; use RetainExceptOnCreate"


def what_is_protected_is_kept(stacks: Templates) -> Iterator[str]:
    """A stack that would delete what is protected from it cannot be deleted, nor can the resource be replaced."""
    for _, name, resource in every(stacks):
        for protection in sorted(PROTECTING & resource.get("Properties", {}).keys()):
            if resource["Properties"][protection] in (False, "false"):
                continue
            for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
                if not policies(resource, attribute) <= KEPT:
                    yield f"{name} is protected, and its {attribute} would delete it"


def first_deployments_are_not_protected(stacks: Templates) -> Iterator[str]:
    """What is protected from the beginning cannot be rolled back: the protection must be by the parameter Protect."""
    for stack, name, resource in every(stacks):
        conditions = stacks[stack].get("Conditions", {})
        for protection in sorted(PROTECTING & resource.get("Properties", {}).keys()):
            match resource["Properties"][protection]:
                case False | "false":
                    continue
                case {"Fn::If": [condition, True, False]} if conditions.get(condition) == {
                    "Fn::Equals": [{"Ref": "Protect"}, "yes"]
                }:
                    continue
            yield f"{name} is protected whatever the parameter Protect says"


# The variables of a REST API's access log, by "Variables for access logging for API Gateway" in its developer guide.
# A variable that does not exist is logged as a dash, without an error.
VARIABLES = {
    "accountId", "apiId", "authorize.error", "authorize.latency", "authorize.status", "authorizer.error",
    "authorizer.integrationLatency", "authorizer.integrationStatus", "authorizer.latency", "authorizer.principalId",
    "authorizer.requestId", "authorizer.status", "authenticate.error", "authenticate.latency", "authenticate.status",
    "awsEndpointRequestId", "cipherSuite", "customDomain.basePathMatched", "deploymentId", "domainName", "domainPrefix",
    "endpointType", "error.message", "error.messageString", "error.responseType", "error.validationErrorString",
    "extendedRequestId", "httpMethod", "identity.accountId", "identity.apiKey", "identity.apiKeyId", "identity.caller",
    "identity.clientCert.clientCertPem", "identity.clientCert.subjectDN", "identity.clientCert.issuerDN",
    "identity.clientCert.serialNumber", "identity.clientCert.validity.notBefore",
    "identity.clientCert.validity.notAfter", "identity.cognitoAuthenticationProvider",
    "identity.cognitoAuthenticationType", "identity.cognitoIdentityId", "identity.cognitoIdentityPoolId",
    "identity.principalOrgId", "identity.sourceIp", "identity.user", "identity.userAgent", "identity.userArn",
    "identity.vpcId", "identity.vpceId", "integration.error", "integration.integrationStatus", "integration.latency",
    "integration.requestId", "integration.status", "integrationLatency",
    "integrationStatus", "isCanaryRequest", "path", "protocol", "requestId", "requestTime", "requestTimeEpoch",
    "resourceId", "resourcePath", "responseLatency", "responseLength", "stage", "status", "tlsVersion", "waf.error",
    "waf.latency", "waf.status", "wafResponseCode", "webaclArn", "xrayTraceId",
}  # fmt: skip
# A property that an authorizer or a user pool chooses.
FREE = re.compile(r"authorizer\.")


def access_logs_use_variables_that_exist(stacks: Templates) -> Iterator[str]:
    for _, name, resource in every(stacks):
        if resource["Type"] != "AWS::ApiGateway::Stage":
            continue
        text = resource["Properties"].get("AccessLogSetting", {}).get("Format", "")
        used = re.findall(r"\$context\.([\w.]+)", text)
        if not used:
            yield f"the access log of {name} has no variables"
        for variable in used:
            if variable not in VARIABLES and not FREE.match(variable):
                yield f"the access log of {name} uses $context.{variable}, which a REST API does not have"


# ---- alarms

def alarms(stacks: Templates, metric: str) -> Iterator[Resource]:
    """The properties of the alarms on a metric that have an action."""
    for _, _, resource in every(stacks):
        if resource["Type"] == "AWS::CloudWatch::Alarm" and resource["Properties"].get("MetricName") == metric:
            if resource["Properties"].get("AlarmActions"):
                yield resource["Properties"]


def schedules_that_stop_raise_alarms(stacks: Templates) -> Iterator[str]:
    """No data means that the function did not run, so missing data must break the threshold."""
    for _, name, resource in every(stacks):
        if resource["Type"] != "AWS::Scheduler::Schedule":
            continue
        seconds = period(resource)
        # The name of a schedule is that of its function.
        function = resource["Properties"]["Name"]["Fn::Sub"].rpartition("-")[2]
        found = [each for each in alarms(stacks, "Invocations") if text(each["Dimensions"][0]["Value"]).endswith(f"}}{function}")]
        if not found:
            yield f"no alarm rings when the schedule of {function} stops"
        for alarm in found:
            if alarm["TreatMissingData"] != "breaching" or alarm["ComparisonOperator"] != "LessThanThreshold":
                yield f"the alarm on the schedule of {function} is silent when there is no data"
            if alarm["Period"] < seconds:
                yield f"the alarm on the schedule of {function} rings between two runs"


def schedules_can_be_created(stacks: Templates) -> Iterator[str]:
    """Each by a role of a stack that is ready before: IAM takes seconds to publish a role, and CloudFormation does not retry.
    That role calls the functions that have schedules, and no others."""
    scheduled, allowed, role = set(), set(), {"Fn::GetAtt": ["Policies", "Outputs.CallTasks"]}
    for stack, name, resource in every(stacks):
        if resource["Type"] != "AWS::Scheduler::Schedule":
            continue
        scheduled.add(resource["Properties"]["Name"]["Fn::Sub"].rpartition("-")[2])
        match resource["Properties"]["Target"]["RoleArn"]:
            case {"Ref": str(parameter)} if stacks[""]["Resources"][stack]["Properties"]["Parameters"].get(parameter) == role:
                continue
        yield f"the schedule {name} has not the role CallTasks"
    for policy in stacks["Policies"]["Resources"]["CallTasks"]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            allowed |= {text(each).rpartition("-")[2] for each in statement["Resource"]}
    for function in sorted(scheduled - allowed):
        yield f"the schedule of {function} may not call it"
    for function in sorted(allowed - scheduled):
        yield f"CallTasks may call {function}, which has no schedule"


def text(value: Any) -> str:
    return value["Fn::Sub"] if isinstance(value, dict) and "Fn::Sub" in value else str(value)


def outputs(stacks: Templates, stack: str, output: str) -> list[str]:
    """The resources whose names a nested stack joins into an output."""
    return [part["Fn::GetAtt"][0] for part in stacks[stack]["Outputs"][output]["Value"]["Fn::Join"][1]]


def queues_without_a_reader_raise_alarms(stacks: Templates) -> Iterator[str]:
    """A disabled event source mapping shows only in how long messages wait."""
    ages = [alarm["Dimensions"][0]["Value"] for alarm in alarms(stacks, "ApproximateAgeOfOldestMessage")]
    listed = outputs(stacks, "Messaging", "ConsumedQueueNames")
    chosen = [value["Fn::Select"][0] for value in ages if "Fn::Select" in value]
    watched = {listed[index] for index in chosen} | {value["Ref"] for value in ages if "Ref" in value}
    for name, resource in stacks["Messaging"]["Resources"].items():
        if resource["Type"] == "AWS::SQS::Queue" and resource["Properties"].get("RedrivePolicy") and name not in watched:
            yield f"no alarm rings when messages wait in {name}"


def tables_that_throttle_raise_alarms(stacks: Templates) -> Iterator[str]:
    for name, resource in stacks["Data"]["Resources"].items():
        if resource["Type"] != "AWS::DynamoDB::Table":
            continue
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
            if {"Ref": f"{name}Table"} not in [alarm["Dimensions"][0]["Value"] for alarm in alarms(stacks, metric)]:
                yield f"no alarm rings on {metric} of the table {name}"


def the_account_raises_alarms(account: dict[str, Any]) -> Iterator[str]:
    """On what has no stack in it, by the template of the account."""
    for metric in ("Throttles", "ConcurrentExecutions", "SMSMonthToDateSpentUSD", "SmsFailures"):
        if not list(alarms({"": account}, metric)):
            yield f"no alarm rings on {metric} of the account"
    kinds = [resource["Type"] for resource in account["Resources"].values()]
    for kind in ("AWS::ApiGateway::Account", "AWS::Budgets::Budget"):
        if kind not in kinds:
            yield f"the account has no {kind}"
