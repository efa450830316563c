"""The template of the REST API: infra/api.yaml with what the code says of each operation."""

import json
from dataclasses import dataclass
from typing import Any

from . import sam
from .console import ROOT

SOURCE = ROOT / "infra/api.yaml"
GENERATED = ROOT / "infra/generated/api.json"

# Of what the gateway answers by itself: the headers of our own errors. No quotes fit inside the gateway's own, so the
# Content-Security-Policy is not our functions' default-src 'none', and X-Frame-Options stands for frame-ancestors.
HEADERS: dict[str, Any] = {
    "Content-Type": "'application/problem+json'",
    "Cache-Control": "'no-store'",
    "Strict-Transport-Security": "'max-age=63072000; includeSubDomains'",
    "X-Content-Type-Options": "'nosniff'",
    "X-Frame-Options": "'DENY'",
    "Referrer-Policy": "'no-referrer'",
    "Content-Security-Policy": "'sandbox'",
    "Permissions-Policy": "'camera=(), geolocation=(), microphone=()'",
    "Cross-Origin-Resource-Policy": "'same-site'",
    "Access-Control-Allow-Origin": {"Fn::Sub": "'${WebOrigin}'"},
}


@dataclass(frozen=True)
class GatewayProblem:
    """What the gateway answers by itself. AWS has no variable for the status, so each kind has its own."""

    status: int
    code: str
    title: str
    detail: str


NOT_FOUND = GatewayProblem(404, "not_found", "Not Found", "There is nothing at this address.")
REFUSED = GatewayProblem(403, "refused", "Refused", "This request is not let in.")
THROTTLED = GatewayProblem(429, "too_many_requests", "Too Many Requests", "Please try again in a moment.")
TIMEOUT = GatewayProblem(504, "timeout", "Gateway Timeout", "There was no response in time. Please try again later.")
INTERNAL = GatewayProblem(500, "internal", "Internal Server Error", "Please try again later.")
MALFORMED = GatewayProblem(400, "malformed_request", "Bad Request", "The request cannot be read.")

# All kinds that API Gateway documents for REST APIs, but those of authorizers and API keys, which there are none of.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_PROBLEMS = {
    "ACCESS_DENIED": REFUSED,
    "API_CONFIGURATION_ERROR": INTERNAL,
    "BAD_REQUEST_BODY": MALFORMED,
    "BAD_REQUEST_PARAMETERS": MALFORMED,
    "DEFAULT_4XX": MALFORMED,
    "DEFAULT_5XX": INTERNAL,
    # An Authorization header in the form of AWS's own signatures, which there are no credentials for.
    "EXPIRED_TOKEN": REFUSED,
    "INTEGRATION_FAILURE": TIMEOUT,
    "INTEGRATION_TIMEOUT": TIMEOUT,
    "INVALID_SIGNATURE": REFUSED,
    # An unknown route. The gateway's own answer is a 403 that speaks of tokens.
    "MISSING_AUTHENTICATION_TOKEN": NOT_FOUND,
    "QUOTA_EXCEEDED": THROTTLED,
    "REQUEST_TOO_LARGE": GatewayProblem(
        413, "body_too_large", "Payload Too Large", "The body is larger than any that is accepted here."
    ),
    "RESOURCE_NOT_FOUND": NOT_FOUND,
    "THROTTLED": THROTTLED,
    "UNSUPPORTED_MEDIA_TYPE": GatewayProblem(
        415, "unsupported_media_type", "Unsupported Media Type", "The body is of a type that is not accepted here."
    ),
    "WAF_FILTERED": REFUSED,
}


def gateway_responses() -> dict[str, Any]:
    def response(problem: GatewayProblem) -> dict[str, Any]:
        body = {
            "type": f"urn:nannyradar:problem:{problem.code}",
            "title": problem.title,
            "status": problem.status,
            "code": problem.code,
            "detail": problem.detail,
            "request_id": "$context.requestId",
            "errors": [],
        }
        return {
            "StatusCode": problem.status,
            "ResponseParameters": {"Headers": HEADERS},
            "ResponseTemplates": {"application/json": json.dumps(body, separators=(",", ":"))},
        }

    return {kind: response(problem) for kind, problem in GATEWAY_PROBLEMS.items()}


@dataclass(frozen=True)
class Operation:
    """What the code says of an operation."""

    function: str
    """The binary, e.g. `auth-login`."""
    method: str
    """In small letters."""
    path: str
    throttle: list[int] | None = None
    """Requests per second, and how many at once, of all callers together. None for what the stage has for all."""
    cache_seconds: int | None = None
    """For how long the stage keeps an answer. None for not at all."""


def operations(listed: list[dict[str, Any]]) -> list[Operation]:
    """As the program `openapi --gateway` lists them, by their paths. A handler that names an unknown setting is an error."""
    found = [Operation(each["function"], each["method"], each["path"], **(each["gateway"] or {})) for each in listed]
    return sorted(found, key=lambda operation: (operation.path, operation.method))


def methods(operation: Operation) -> list[str]:
    """A function that answers GET also answers HEAD (RFC 9110, 9.1), which the gateway sends only to a method of that
    name. An `any` method would do, but the stage caches by resource and parameters, so GET could get the empty answer
    to HEAD; therefore HEAD is a method of its own, and never cached."""
    return ["get", "head"] if operation.method == "get" else [operation.method]


PLACES = {"path": "path", "query": "querystring", "header": "header"}


def cache_keys(described: dict[str, Any]) -> list[tuple[str, str]]:
    """Place and name of all that a public answer depends on: every parameter, what the client has (the answer may be a
    304), and where a browser calls from (it has CORS headers)."""
    documented = [(parameter["in"], parameter["name"]) for parameter in described.get("parameters", [])]
    return list(dict.fromkeys([*documented, ("header", "If-None-Match"), ("header", "Origin")]))


def logical_id(binary: str) -> str:
    """The function `AuthLogin` has the binary `auth-login`."""
    return "".join(word.capitalize() for word in binary.split("-"))


def definition(contract: dict[str, Any], operations: list[Operation]) -> dict[str, Any]:
    """What API Gateway needs of the contract, with the functions behind it."""
    paths: dict[str, Any] = {}
    for operation in operations:
        arn = f"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:${{Stack}}-api-{logical_id(operation.function)}"
        uri = f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/{arn}/invocations"
        for method in methods(operation):
            integration: dict[str, Any] = {
                "type": "aws_proxy",
                "httpMethod": "POST",
                "uri": {"Fn::Sub": uri},
                "credentials": {"Fn::GetAtt": ["CallFunctions", "Arn"]},
            }
            described: dict[str, Any] = {"responses": {}, "x-amazon-apigateway-integration": integration}
            if operation.cache_seconds and method == operation.method:
                keys = cache_keys(contract["paths"][operation.path][method])
                integration["cacheKeyParameters"] = [f"method.request.{PLACES[place]}.{name}" for place, name in keys]
                described["parameters"] = [
                    {"in": place, "name": name, "required": place == "path", "schema": {"type": "string"}}
                    for place, name in keys
                ]
            paths.setdefault(operation.path, {})[method] = described
    return {"openapi": "3.0.1", "info": {"title": {"Ref": "Stack"}, "version": "1.0"}, "paths": paths}


def method_settings(everywhere: dict[str, Any], operations: list[Operation]) -> list[dict[str, Any]]:
    """What differs from the settings for all methods."""
    settings = []
    for operation in operations:
        for method in methods(operation):
            own: dict[str, Any] = {}
            if operation.throttle:
                own["ThrottlingRateLimit"], own["ThrottlingBurstLimit"] = operation.throttle
            if operation.cache_seconds and method == operation.method:
                own["CachingEnabled"] = {"Fn::If": ["IsDeployed", True, False]}
                own["CacheTtlInSeconds"] = operation.cache_seconds
                own["CacheDataEncrypted"] = True
            if own:
                resource = "/" + operation.path.replace("~", "~0").replace("/", "~1")
                # AWS knows no inheritance: what is not named here has AWS's own default.
                settings.append({**everywhere, "ResourcePath": resource, "HttpMethod": method.upper(), **own})
    return settings


def generate(source: dict[str, Any], contract: dict[str, Any], operations: list[Operation]) -> dict[str, Any]:
    # By way of JSON, because the parser's dictionaries are not quite dictionaries.
    template = json.loads(json.dumps(source))
    properties = template["Resources"]["Api"]["Properties"]
    properties["DefinitionBody"] = definition(contract, operations)
    properties["GatewayResponses"] = gateway_responses()
    [everywhere] = properties["MethodSettings"]
    properties["MethodSettings"] += method_settings(everywhere, operations)
    return template


def generated(contract: dict[str, Any], operations: list[Operation]) -> str:
    """The text of infra/generated/api.json."""
    return json.dumps(generate(sam.parse(SOURCE), contract, operations), indent=1) + "\n"
