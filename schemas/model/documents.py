"""Which documents of other systems hold the records of a type, and where its fields stand in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.language.spelling import snake_case


@dataclass(frozen=True)
class View:
    """Another list of AWS that records of a type are read from: its key, and where the fields stand in its records.

    `reads` has a JMESPath for each field that the list has; name and tags, which every list has, are left out.
    `parties` are as in `Document`.
    """

    key: str
    reads: dict[str, str] = field(hash=False)
    parties: tuple[str, ...] = ()


@dataclass(frozen=True)
class Terraform:
    """A resource of Terraform's provider for AWS that records of a type are read from: its name.

    `reads` has a JMESPath into the resource's attributes for each field that it has; account, region and tags, which
    every resource of AWS has, are left out. Attributes that nothing reads, such as secrets, are never looked at.
    """

    name: str
    reads: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class Document:
    """Where an `aws … describe-*` document holds the records of a type: the key of its list.

    `service` and `call` are what describes them, as boto3 names both: `ec2` and, by default, `describe_` and the key.
    `secrets` are members of a record that are dropped on reading: never stored, never shown. `never` are the fields
    that have an `aws` path which records of this list do not have, such as a VPC's attributes of another call.
    `parties` are the members that name an account which sees the record; only the first sees all of it. By default it
    is the member that `account_id` is read from. `views` are other lists of the same type. `marks` are needed where the
    key is a common word: members of every record of the list, without which a list of that name is another one.
    """

    key: str
    service: str = "ec2"
    call: str = ""
    secrets: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    views: tuple[View, ...] = ()
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Derive the call, and name the owner as the only party, where none is declared."""
        if not self.call:
            object.__setattr__(self, "call", f"describe_{snake_case(self.key)}")
        if not self.parties and "account_id" not in self.never:
            object.__setattr__(self, "parties", ("OwnerId",))

    @property
    def owner(self) -> str | None:
        """The member that names the account which sees all of a record; None where the list has none."""
        return self.parties[0] if self.parties else None
