"""The network of AWS accounts, as the APIs of AWS describe it: every wanted type, region and account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any, TypeAlias

import boto3
import orjson
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from schemas.errors import CmdbError, UsageError
from schemas.fetched import Fetched, FetchedFile, Unread
from schemas.issues import Issue
from schemas.language.spelling import plain
from schemas.model.documents import Document
from schemas.model.resource import Resource
from schemas.resources import RESOURCES
from tasks.atomic_write import atomic_path
from tasks.formats.aws.document import without
from tasks.sources.aws_client import aws_errors, client, meaning, session
from tasks.sources.base import Request
from tasks.sources.output import free_path, lines

Described: TypeAlias = tuple[Resource, Document]
"""A type that AWS describes."""

Fault: TypeAlias = BotoCoreError | ClientError | CmdbError
"""What ends the reading of one list."""

_OPTIONS = ("endpoint", "external_id", "role")
_AT_ONCE = 8

EC2 = "ec2"
"""The service that describes most types, and whose answer says whether a region can be read."""

# As many records as every call gives at once: of route tables, there are no more.
_PAGE = 100

# Where nothing of a region can be read: it is switched off for the account, or does not exist.
_NO_REGION = ("AuthFailure", "OptInRequired", "InvalidClientTokenId", "UnrecognizedClientException", "ExpiredToken")

_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


@dataclass(frozen=True)
class Place:
    """One region of one account, with the credentials for it."""

    account: str
    region: str
    endpoint: str | None
    access: dict[str, str | None]

    @property
    def name(self) -> str:
        """What messages and files call it."""
        return f"{self.account}/{self.region}"

    @property
    def constants(self) -> dict[str, str]:
        """The values by which its records are known."""
        return {"account_id": self.account, "region": self.region}


def fetch(request: Request) -> Fetched:
    """Describe the types one by one, in several regions at once; each list is a file of its own."""
    types = _types(request)
    sessions, failures, unread = _accounts(request)
    places = [place for account, of in sessions.items() for place in _regions_of_account(request, account, of)]
    reading = _Reading(request, types, frozenset(sessions))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            read = list(pool.map(reading.read, places))
        finally:
            reading.stop()
    files = [each for found, _, _ in read for each in found]
    failures += [issue for _, issues, _ in read for issue in issues]
    unread += [each for _, _, lacks in read for each in lacks]
    return Fetched(tuple(_without_doubles(types, files)), None, tuple(failures), unread=tuple(unread))


def _types(request: Request) -> list[Described]:
    """The types that AWS describes, of those that are wanted, each with its document."""
    wanted = request.types or tuple(RESOURCES.values())
    unsupported = [resource.type for resource in request.types if not resource.document]
    if unsupported:
        described = ", ".join(resource.type for resource in RESOURCES.values() if resource.document)
        raise UsageError(f"aws:// has no {', '.join(unsupported)}: it has {described}.", types=unsupported)
    return [(resource, resource.document) for resource in wanted if resource.document]


# Accounts and regions -------------------------------------------------------------------------------------------------


def _accounts(request: Request) -> tuple[dict[str, Any], list[Issue], list[Unread]]:
    """A session for each account, by its id, and the failures of those that refuse access."""
    profile, roles = _profile_and_roles(request)
    given = None if profile == "default" else profile
    region = _regions(request)[0]
    first = session(given, request.secret, None if region == "*" else region)
    assumed: list[str | None] = [*roles] or [None]
    found: dict[str, Any] = {}
    failures: list[Issue] = []
    unread: list[Unread] = []
    for role in assumed:
        name = role or f"the AWS account of '{profile}'"
        try:
            with aws_errors(name):
                of = _session_of_role(request, first, role) if role else first
                found[_identity(request, of)] = of
        except CmdbError as error:
            if len(assumed) == 1:
                raise
            failures.append(Issue("account", error.message, value=role))
            # The account of a role is the fifth part of its ARN (IAM User Guide, IAM ARNs).
            unread.append(Unread(error.message, constants={"account_id": role.split(":")[4]} if role else {}))
    return found, failures, unread


def _profile_and_roles(request: Request) -> tuple[str, list[str]]:
    """The profile, and the roles that it assumes: `profile`, or `role@account,account`."""
    who, at, accounts = request.address.netloc.rpartition("@")
    roles = list(request.options(*_OPTIONS).get("role", []))
    if not at:
        profile = accounts or "default"
    else:
        profile = "default"
        wrong = next((each for each in accounts.split(",") if not re.fullmatch(r"\d{12}", each)), None)
        if wrong is not None:
            raise UsageError(
                f"'{wrong}' is not an AWS account: write aws://ROLE@123456789012,210987654321/REGION.", value=wrong
            )
        roles += [f"arn:{_partition(request)}:iam::{each}:role/{who}" for each in accounts.split(",")]
    for role in roles:
        if not _ROLE.fullmatch(role):
            raise UsageError(f"'{role}' is not a role: write role=arn:aws:iam::123456789012:role/NAME.", value=role)
    return profile, roles


def _partition(request: Request) -> str:
    """The part of AWS that a region lies in; each has roles of its own."""
    region = _regions(request)[0]
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _regions(request: Request) -> list[str]:
    given = request.address.path.strip("/")
    regions = list(dict.fromkeys(given.split(",")))
    wrong = next((each for each in regions if each != "*" and not _REGION.fullmatch(each)), None)
    if wrong is not None:
        raise UsageError(
            f"'{wrong}' is not an AWS region: write aws://PROFILE/us-east-1,eu-west-1, or aws://PROFILE/* for all.",
            value=wrong,
        )
    return regions


def _session_of_role(request: Request, of: Any, role: str) -> Any:
    """A session with the role's rights, which end after an hour."""
    more = {}
    if external := request.option("external_id", *_OPTIONS):
        more["ExternalId"] = external
    sts = client(of, "sts", None, request.option("endpoint", *_OPTIONS))
    answer = sts.assume_role(RoleArn=role, RoleSessionName="cmdb", **more)["Credentials"]
    return boto3.Session(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"], of.region_name)


def _identity(request: Request, of: Any) -> str:
    sts = client(of, "sts", None, request.option("endpoint", *_OPTIONS))
    return str(sts.get_caller_identity()["Account"])


def _regions_of_account(request: Request, account: str, of: Any) -> Iterator[Place]:
    endpoint = request.option("endpoint", *_OPTIONS)
    credentials = of.get_credentials().get_frozen_credentials()
    access = {
        "aws_access_key_id": credentials.access_key,
        "aws_secret_access_key": credentials.secret_key,
        "aws_session_token": credentials.token,
    }
    regions = _regions(request)
    if "*" in regions:
        with aws_errors(f"the list of regions of {account}"):
            described = client(of, EC2, None, endpoint).describe_regions()["Regions"]
        regions = sorted(region["RegionName"] for region in described)
    for region in regions:
        yield Place(account, region, endpoint, access)


# Reading --------------------------------------------------------------------------------------------------------------


class _Reading:
    """The reading of all places, in several threads; it keeps count for all of them."""

    def __init__(self, request: Request, types: list[Described], accounts: frozenset[str]) -> None:
        self._request = request
        self._types = types
        self._accounts = accounts
        self._lock = Lock()
        self._told = (0, 0, 0)
        self._stopped = Event()

    def stop(self) -> None:
        """Let no thread begin another list: nobody waits for it any more."""
        self._stopped.set()

    def read(self, place: Place) -> tuple[list[FetchedFile], list[Issue], list[Unread]]:
        """Describe every type of one place."""
        # A session belongs to one thread.
        of = boto3.Session(**place.access)
        clients: dict[str, Any] = {}
        files: list[FetchedFile] = []
        failures: list[Issue] = []
        unread: list[Unread] = []
        for resource, document in self._types:
            if self._stopped.is_set():
                break
            if document.service not in clients:
                clients[document.service] = client(of, document.service, place.region, place.endpoint)
            file, error = self._read_type(clients[document.service], place, resource, document)
            files += [file] if file else []
            if error:
                # Other services than EC2 are not in every region.
                whole = document.service == EC2 and _is_whole_region(error)
                what = place.name if whole else f"{resource.type} of {place.name}"
                text = error.message if isinstance(error, CmdbError) else str(meaning(what, error))
                failures.append(Issue("region" if whole else "type", text, value=what))
                unread.append(Unread(text, None if whole else resource.type, place.constants))
                if whole:
                    break
        for each in clients.values():
            each.close()
        return files, failures, unread

    def _read_type(
        self, service: Any, place: Place, resource: Resource, document: Document
    ) -> tuple[FetchedFile | None, Fault | None]:
        """The records of one type; those that came before a page failed are kept, and the failure is reported."""
        name = f"{resource.type} {place.account} {place.region}.ndjson"
        path = free_path(self._request.folder, name)
        fault: Fault | None = None
        with lines(path, name, self._request.limit) as output:
            try:
                for record in records(service, document):
                    owner = _value_at(record, document.owner)
                    # Who shares a record with others sees all of it, and they see a part.
                    if owner == place.account or owner not in self._accounts:
                        output.write(complete(record, resource, place))
            except (BotoCoreError, ClientError, CmdbError) as error:
                fault = error
        if fault and not output.count:
            path.unlink()
            return None, fault
        self._report_progress(1, output.count, output.size)
        return FetchedFile(path, name, resource.type, output.count, place.constants, key=document.key), fault

    def _report_progress(self, *more: int) -> None:
        with self._lock:
            files, count, size = (before + new for before, new in zip(self._told, more, strict=True))
            self._told = (files, count, size)
            self._request.progress(files, count, size)


def _is_whole_region(fault: Fault) -> bool:
    if isinstance(fault, ClientError):
        return fault.response.get("Error", {}).get("Code") in _NO_REGION
    return isinstance(fault, HTTPClientError)


def records(service: Any, document: Document) -> Iterator[dict[str, Any]]:
    """The records of a document as its service has them, page by page where it has pages."""
    if not service.can_paginate(document.call):
        token: dict[str, str] = {}
        while True:
            page = getattr(service, document.call)(**token)
            yield from page.get(document.key, ())
            # A call may have pages that botocore does not know how to follow.
            token = {name: page[name] for name in ("NextToken", "nextToken") if page.get(name)}
            if not token:
                return
    for page in service.get_paginator(document.call).paginate(PaginationConfig={"PageSize": _PAGE}):
        yield from page.get(document.key, ())


def complete(record: dict[str, Any], resource: Resource, place: Place) -> dict[str, Any]:
    """Return a record without secrets, and with the account and the region that the API leaves out of most."""
    secrets = frozenset(map(plain, resource.document.secrets)) if resource.document else frozenset()
    whole: dict[str, Any] = without(record, secrets) if secrets else dict(record)
    account = resource.fields["account_id"].aws or "account_id"
    if "." not in account:
        whole.setdefault(account, place.account)
    whole.setdefault("region", place.region)
    return whole


def _value_at(record: dict[str, Any], path: str | None) -> Any:
    value: Any = record
    for part in path.split(".") if path else ("",):
        value = value.get(part) if isinstance(value, dict) else None
    return value


# Records that several places list -------------------------------------------------------------------------------------


def _without_doubles(types: list[Described], files: list[FetchedFile]) -> Iterator[FetchedFile]:
    """The files by type, each record in the first of those that have it: a peering is listed on both of its sides."""
    for resource, _ in types:
        seen: set[str] = set()
        of_type = [file for file in files if file.resource_type == resource.type]
        for file in of_type:
            yield file if len(of_type) == 1 else _first_seen(file, resource, seen)


def _first_seen(file: FetchedFile, resource: Resource, seen: set[str]) -> FetchedFile:
    """Take the records that were seen before out of a file, and note those that were not."""
    path, kept, dropped = resource.fields[resource.key[0]].aws, 0, 0
    with atomic_path(file.path) as hidden, file.path.open("rb") as source, hidden.open("wb") as target:
        for line in source:
            key = _value_at(orjson.loads(line), path)
            if key in seen:
                dropped += 1
                continue
            seen.update([key] if key else [])
            target.write(line)
            kept += 1
    return replace(file, records=kept) if dropped else file
