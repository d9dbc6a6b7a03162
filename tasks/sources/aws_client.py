"""boto3 as the sources use it: whose credentials, how patiently, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, ProfileNotFound

from schemas.access.secret import Secret
from schemas.errors import CmdbError, SourceError, Transient, UsageError

ATTEMPTS = 8
"""How often botocore tries before it gives up; it waits longer each time, up to 20 s, and heeds throttling."""

# Signs of the codes of errors: what passes, and what to do about the rest.
_PASSING = ("Throttl", "RequestLimit", "TooManyRequests", "SlowDown", "Unavailable", "Internal", "RequestTimeout")
_TO_DO = {
    "may not be read with these credentials: allow it to them.": ("AccessDenied", "Unauthorized", "403", "OptIn"),
    "knows no such credentials: are they right, and current?": (
        *("AuthFailure", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredToken", "401"),
    ),
}


def session(profile: str | None, secret: Secret | None, region: str | None = None) -> Any:
    """Return a session with the secret's access keys, or else what boto3 finds: a profile, the environment, a role."""
    if secret is None:
        try:
            return boto3.Session(profile_name=profile, region_name=region)
        except ProfileNotFound as error:
            raise UsageError(f"AWS profile '{profile}' not found: see ~/.aws/config.", value=profile) from error
    key = secret.member("access_key", "access_key_id", "aws_access_key_id", "key")
    hidden = secret.member("secret_key", "secret_access_key", "aws_secret_access_key", "secret")
    if not key or not hidden:
        raise UsageError(
            f"The secret '{secret.name}' holds no access key: make it a JSON object with access_key_id and "
            "secret_access_key, and session_token where there is one.",
            secret=secret.name,
        )
    token = secret.member("session_token", "aws_session_token", "token")
    return boto3.Session(key, hidden, token, region_name=region)


def client(of: Any, service: str, region: str | None, endpoint: str | None) -> Any:
    """Return a client that tries again what passes, and gives up what does not answer."""
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(connect_timeout=10, read_timeout=60, retries=retries, user_agent_extra="cmdb")
    # Outside of AWS, a region is a matter of form.
    fallback = "us-east-1" if region is None and of.region_name is None else region
    try:
        return of.client(service, region_name=fallback, endpoint_url=endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"Invalid AWS request: {_first_line(error)}") from error


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turn the errors of boto3 into ours: what to do, and whether trying again may help."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise meaning(what, error) from error


def meaning(what: str, error: BotoCoreError | ClientError) -> CmdbError:
    """Return what an error means for the source of that name."""
    if isinstance(error, NoCredentialsError):
        return SourceError(
            f"{what} cannot be read without credentials: set credentials=NAME of a secret, or an AWS profile or role."
        )
    if isinstance(error, HTTPClientError):
        return Transient(f"{what} does not answer: {_first_line(error)}")
    if not isinstance(error, ClientError):
        return SourceError(f"{what} cannot be read: {_first_line(error)}")
    return _error_of_answer(what, error.response.get("Error", {}))


def _error_of_answer(what: str, error: dict[str, Any]) -> CmdbError:
    code, message = str(error.get("Code", "")), error.get("Message") or "no reason given"
    if any(sign in code for sign in _PASSING):
        return Transient(f"{what} asks for patience, after {ATTEMPTS} attempts ({code}: {message})")
    for to_do, signs in _TO_DO.items():
        if any(sign in code for sign in signs):
            return SourceError(f"{what} {to_do} ({code}: {message})")
    return SourceError(f"{what} cannot be read: {message} ({code})")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
