"""Free blocks over HTTP: where the next prefix or subnet fits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.rest.models.records import FreeBlocks
from api.rest.problems import responses
from api.rest.security.access import Reader
from api.rest.service import CurrentService
from schemas.access.permissions import Action
from tasks.store.read.free_blocks import MOST, Search, find_free

router = APIRouter(prefix="/api/free", tags=["records"])


@router.get("", responses=responses())
async def find_free_blocks(
    service: CurrentService,
    caller: Reader,
    size: Annotated[int, Query(ge=0, le=128, description="The prefix length of the blocks.")],
    block: Annotated[
        str | None, Query(description="Where to look; a VPC's own blocks unless given.", max_length=50)
    ] = None,
    vrf: Annotated[
        str | None, Query(description="The VRF's key; the global table unless given.", max_length=255)
    ] = None,
    vpc: Annotated[str | None, Query(description="A VPC id: its subnets are taken.", max_length=50)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="How many blocks.")] = 10,
) -> FreeBlocks:
    """Find the lowest free blocks of a size, and count all of them."""
    caller.check(Action.READ, ["vpc", "subnet"] if vpc else ["prefix"])
    search = Search(size, block, vrf, vpc, limit)
    found = await service.read(lambda connection: find_free(connection, search))
    return FreeBlocks(size=found.size, within=list(found.within), blocks=list(found.blocks), total=found.total)
