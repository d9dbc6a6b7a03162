"""One rig for each source: something real to fetch from, and how to change it, spoil a part of it and break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import fsspec
from sqlalchemy.engine import make_url

from tests.aws import REGION, aws
from tests.support import execute
from tests.tasks.sources.servers import Answer, Asked, NetBox, Proxy, netbox_objects, site

VPCS = b"vpc_id,cidr_block,region\nvpc-00000001,10.1.0.0/16,us-east-1\n"
SITES = b"name,slug\nFrankfurt 1,fra-1\nZ\xc3\xbcrich 1,zrh-1\n"

# More than the one MB that the suite allows.
LARGE = b"name,slug\n" + b"".join(b"Site %06d,site-%06d\n" % (number, number) for number in range(50_000))

SECRET = "s3cret-of-the-rig"  # noqa: S105  # what the suite looks for in all that is told

Do = Callable[[], None]


@dataclass
class Rig:
    """A source to fetch from.

    `records` is what it has, by type. `change` gives it a new state; `spoil` makes a part of it fail; `enlarge` makes
    a file of it larger than 1 MB. `broken` is an address of it at which nothing can be read.
    """

    url: str
    records: dict[str, int]
    enlarge: Do
    change: Do | None = None
    spoil: Do | None = None
    broken: Callable[[], str] | None = None
    secret: str | None = None
    types: tuple[str, ...] = ()


Make = Callable[[Path, str], AbstractContextManager[Rig]]


@contextmanager
def file_rig(tmp_path: Path, _: str) -> Iterator[Rig]:
    """A folder with two files and, in a folder below, one that is none of it."""
    folder = tmp_path / "source"
    (folder / "below").mkdir(parents=True)
    (folder / "vpcs.csv").write_bytes(VPCS)
    (folder / "sites.csv").write_bytes(SITES)
    (folder / ".hidden.csv").write_bytes(SITES)
    (folder / "below" / "other.csv").write_bytes(SITES)
    yield Rig(
        f"file://{folder}/",
        {"vpc": 1, "site": 2},
        enlarge=lambda: _write(folder / "large.csv", LARGE),
        change=lambda: _write(folder / "vpcs.csv", VPCS + b"vpc-00000002,10.2.0.0/16,us-east-1\n"),
        spoil=lambda: (folder / "gone.csv").symlink_to(folder / "nowhere.csv"),
    )


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@contextmanager
def http_rig(_: Path, __: str) -> Iterator[Rig]:
    """A server with one file, for those who bring the token."""
    state = {"body": SITES, "etag": '"1"'}

    def respond(asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != f"Bearer {SECRET}" or asked.path.startswith("/broken"):
            return Answer(403, {"X-Told": SECRET}, f"no rights for {asked.headers.get('Authorization')}".encode())
        if asked.headers.get("If-None-Match") == state["etag"]:
            return Answer(304)
        return Answer(200, {"ETag": str(state["etag"]), "Content-Type": "text/csv"}, state["body"])  # type: ignore[arg-type]

    with site(respond) as running:
        yield Rig(
            f"{running.url}/export/sites",
            {"site": 2},
            enlarge=lambda: state.update(body=LARGE, etag='"2"'),
            change=lambda: state.update(etag='"3"'),
            broken=lambda: f"{running.url}/broken",
            secret=SECRET,
        )


@contextmanager
def s3_rig(_: Path, __: str) -> Iterator[Rig]:
    """A bucket of moto behind a server that can refuse."""
    refused: set[str] = set()

    def instead(asked: Asked) -> Answer | None:
        if any(part in asked.path for part in refused):
            said = f"<Error><Code>AccessDenied</Code><Message>not with {SECRET}</Message></Error>"
            return Answer(403, {"Content-Type": "application/xml"}, said.encode())
        return None

    with aws() as endpoint, site(Proxy(endpoint, instead)) as front:
        s3 = boto3.Session("key", "secret", region_name=REGION).client("s3", endpoint_url=endpoint)
        s3.create_bucket(Bucket="exports")
        put = _putter(s3)
        put("daily/vpcs.csv", VPCS)
        put("daily/sites.csv", SITES)
        put("daily/below/other.csv", SITES)
        yield Rig(
            f"s3://exports/daily/?endpoint={front.url}",
            {"vpc": 1, "site": 2},
            enlarge=lambda: put("daily/large.csv", LARGE),
            change=lambda: put("daily/sites.csv", SITES + b"Bern 1,brn-1\n"),
            spoil=lambda: refused.add("daily/vpcs.csv"),
            broken=_refusing(refused, "exports", f"s3://exports/daily/?endpoint={front.url}"),
            secret=f'{{"access_key_id": "AKIDEXAMPLE", "secret_access_key": "{SECRET}"}}',
        )
        s3.close()


def _refusing(refused: set[str], what: str, url: str) -> Callable[[], str]:
    """Refuse everything that has `what` in it, and give the address."""

    def broken() -> str:
        refused.add(what)
        return url

    return broken


def _putter(s3: Any) -> Callable[[str, bytes], None]:
    def put(key: str, body: bytes) -> None:
        s3.put_object(Bucket="exports", Key=key, Body=body)

    return put


@contextmanager
def objects_rig(tmp_path: Path, _: str) -> Iterator[Rig]:
    """A store of fsspec in this process, and one that does not answer."""
    store = fsspec.filesystem("memory")
    base = f"/{tmp_path.name}"

    def put(name: str, content: bytes) -> None:
        store.pipe_file(f"{base}/{name}", content)

    put("vpcs.csv", VPCS)
    put("sites.csv", SITES)
    put("below/other.csv", SITES)
    yield Rig(
        f"memory:/{base}/*.csv",
        {"vpc": 1, "site": 2},
        enlarge=lambda: put("large.csv", LARGE),
        change=lambda: put("sites.csv", SITES + b"Bern 1,brn-1\n"),
        spoil=lambda: put("empty.csv", b""),
        broken=lambda: "ftp://127.0.0.1:1/exports",
        secret=f'{{"username": "reader", "password": "{SECRET}"}}',
    )
    store.rm(base, recursive=True)


@contextmanager
def aws_rig(_: Path, __: str) -> Iterator[Rig]:
    """An account of moto behind a server that can refuse a call, or all of them."""
    refused: set[str] = set()
    large: set[str] = set()

    def instead(asked: Asked) -> Answer | None:
        body = asked.body.decode()
        if any(f"Action={action}" in body for action in refused):
            return ec2_error("UnauthorizedOperation", f"not with {SECRET}", 403)
        return _many_vpcs() if large and "Action=DescribeVpcs" in body else None

    with aws() as endpoint, site(Proxy(endpoint, instead)) as front:
        _network(endpoint)
        yield Rig(
            f"aws://default/us-east-1,eu-west-1?endpoint={front.url}",
            {"vpc": 3, "subnet": 1},
            enlarge=lambda: large.add("vpc"),
            spoil=lambda: refused.add("DescribeSubnets"),
            broken=_refusing(refused, "", f"aws://default/us-east-1?endpoint={front.url}"),
            secret=f'{{"access_key_id": "AKIDEXAMPLE", "secret_access_key": "{SECRET}"}}',
            types=("vpc", "subnet"),
        )


def _network(endpoint: str) -> None:
    """Nothing but two VPCs with a subnet in one region, and one VPC in another."""
    session = boto3.Session("key", "secret")
    for region, blocks in ((REGION, ("10.1.0.0/16", "10.2.0.0/16")), ("eu-west-1", ("10.3.0.0/16",))):
        ec2 = session.client("ec2", region_name=region, endpoint_url=endpoint)
        for subnet in ec2.describe_subnets()["Subnets"]:
            ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        for old in ec2.describe_vpcs()["Vpcs"]:
            ec2.delete_vpc(VpcId=old["VpcId"])
        made = [ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"] for block in blocks]
        if region == REGION:
            ec2.create_subnet(VpcId=made[0], CidrBlock="10.1.1.0/24")
        ec2.close()


def ec2_error(code: str, message: str, status: int) -> Answer:
    """An error as EC2 answers it."""
    said = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
    return Answer(status, {"Content-Type": "text/xml"}, said.encode())


def _many_vpcs() -> Answer:
    item = "<item><vpcId>vpc-%08x</vpcId><ownerId>123456789012</ownerId><cidrBlock>10.0.0.0/16</cidrBlock></item>"
    items = "".join(item % number for number in range(12_000))
    body = f"<DescribeVpcsResponse><vpcSet>{items}</vpcSet></DescribeVpcsResponse>"
    return Answer(200, {"Content-Type": "text/xml"}, body.encode())


@contextmanager
def sql_rig(_: Path, database_url: str) -> Iterator[Rig]:
    """A table of a PostgreSQL."""
    execute(database_url, "CREATE TABLE places (name text, slug text)")
    execute(database_url, "INSERT INTO places VALUES ('Frankfurt 1', 'fra-1'), ('Zürich 1', NULL)")
    many = "INSERT INTO places SELECT 'Site ' || n, 'site-' || n FROM generate_series(1, 50000) n"
    elsewhere = make_url(database_url).set(database="is-not-there").render_as_string(hide_password=False)
    yield Rig(
        _with(database_url, "table=places"),
        {"site": 2},
        enlarge=lambda: _execute(database_url, many),
        broken=lambda: _with(elsewhere, "table=places"),
        secret=SECRET,
        types=("site",),
    )


def _execute(url: str, statement: str) -> None:
    execute(url, statement)


def _with(url: str, option: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{option}"


@contextmanager
def netbox_rig(_: Path, __: str) -> Iterator[Rig]:
    """A server in the shape of NetBox, for those who bring the token."""
    netbox = NetBox(netbox_objects(), SECRET)
    with site(netbox) as running:
        yield Rig(
            f"netbox+http://{running.host}",
            {"site": 3, "vrf": 2, "vlan": 2, "prefix": 3, "asn": 1, "device": 1, "circuit": 1},
            enlarge=lambda: netbox.objects.update(netbox_objects(12_000)),
            spoil=lambda: netbox.broken.add(("dcim/devices", 0)),
            broken=lambda: f"netbox+http://{running.host}/elsewhere",
            secret=SECRET,
        )


RIGS: dict[str, Make] = {
    "file": file_rig,
    "http": http_rig,
    "s3": s3_rig,
    "objects": objects_rig,
    "aws": aws_rig,
    "sql": sql_rig,
    "netbox": netbox_rig,
}
"""A rig for every source of `SOURCES`."""
