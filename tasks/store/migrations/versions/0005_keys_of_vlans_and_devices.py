"""keys of VLANs and devices: each with its site, a device also with its tenant; and the id of a record in its source.

A VLAN was known by its group and number, `/100` where it has no group, and a device by its name. So the VLANs 100 of
two sites were one record, which held what was imported last. This revision puts the site into the keys of the records,
of their history and of what refers to them. A change that moved a record to another site becomes the end of the one
and the beginning of the other, so that an undo of that run brings the first one back.

What it cannot tell apart stays as it is and is reported by a run of the ledger that is called `upgrade`.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SOURCED = ("asn", "circuit", "device", "prefix", "site", "vlan", "vrf")
"""The tables of the types whose records come from a system that has ids of its own for them."""

MOST = 10_000
"""What cannot be told apart is reported one by one up to this many."""

IMAGES = """
select before as image from change where resource_type = '{type}' and jsonb_typeof(before) = 'object'
union all
select before || after from change
 where resource_type = '{type}' and jsonb_typeof(before) = 'object' and jsonb_typeof(after) = 'object'
union all
select after from change
 where resource_type = '{type}' and jsonb_typeof(before) = 'null' and jsonb_typeof(after) = 'object'
union all select to_jsonb(t) from {type} t
union all select to_jsonb(g) from {type}_gone g"""
"""Every state in which a record of a type is known."""

OLD_KEY = {"vlan": "image ->> 'natural_key'", "device": "image ->> 'name'"}
NEW_KEY = {
    "vlan": (
        "case when image ->> 'group' is null and image ->> 'site' is not null"
        " then (image ->> 'site') || '/' || (image ->> 'vid') else old end"
    ),
    "device": "coalesce(image ->> 'site', '') || '/' || old",
}
WITHOUT_SITE = {"vlan": "old", "device": "'/' || old"}
"""The key of a record whose key with its site is that of another, too."""

KEY_COLUMN = {"vlan": "natural_key", "device": "name"}


def upgrade() -> None:
    """Apply the change."""
    # The view of all changes reads these tables; the upgrade makes it again.
    op.execute("drop view if exists all_changes")
    for table in SOURCED:
        for name in (table, f"{table}_gone"):
            op.add_column(name, sa.Column("source_id", sa.Text()))
    for name in ("device", "device_gone"):
        op.add_column(name, sa.Column("natural_key", sa.Text(collation="C")))
        op.add_column(name, sa.Column("tenant", sa.Text()))
    op.drop_constraint("device_pkey", "device")
    op.drop_index("device_gone_key", table_name="device_gone")
    changed = {kind: _rename(kind) for kind in ("vlan", "device")}
    for name in ("device", "device_gone"):
        op.alter_column(name, "natural_key", nullable=False)
        op.alter_column(name, "name", nullable=True, type_=sa.Text(collation="default"))
    op.create_primary_key("device_pkey", "device", ["natural_key"])
    op.create_index("device_gone_key", "device_gone", ["natural_key"])
    _refer_again()
    _end_plans()
    _report(changed)


def _rename(kind: str) -> int:
    """Give the records of a type and their history the new keys; returns how many records that are."""
    op.execute(
        f"""
create temp table renamed_{kind} on commit drop as
-- A new key may belong to another record: to a VLAN of a group that is called like the site, or to a device where a
-- name or a site has a slash.
select distinct old, image ->> 'site' as site, {NEW_KEY[kind]} as new, false as shared
  from (select image, {OLD_KEY[kind]} as old from ({IMAGES.format(type=kind)}) as images) as known"""  # noqa: S608
    )
    op.execute(
        f"""
update renamed_{kind} set new = {WITHOUT_SITE[kind]}, shared = true
 where new <> old and new in (select new from renamed_{kind} group by new having count(distinct old) > 1)"""  # noqa: S608
    )
    op.execute(f"create index on renamed_{kind} (old, site)")
    _rename_history(kind)
    for table in (kind, f"{kind}_gone"):
        op.execute(
            f"""
update {table} t set natural_key = r.new from renamed_{kind} r
 where r.old = t.{KEY_COLUMN[kind]} and r.site is not distinct from t.site"""  # noqa: S608
        )
    named = f"select 1 from renamed_{kind} r where r.new = t.natural_key and r.new <> r.old"  # noqa: S608
    return int(op.get_bind().scalar(sa.text(f"select count(*) from {kind} t where exists ({named})")) or 0)  # noqa: S608


def _rename_history(kind: str) -> None:
    """Give the before-images and changes of a type the new keys; a change of the site is one of the key."""
    op.execute(
        f"""
create temp table rewritten_{kind} on commit drop as
select c.*, w.new as was, n.new as became,
       c.before || jsonb_build_object('natural_key', w.new) as image,
       case when jsonb_typeof(c.before) = 'object' then c.before else '{{}}' end
         || c.after || jsonb_build_object('natural_key', n.new) as result
  from change c
  left join renamed_{kind} w
    on jsonb_typeof(c.before) = 'object' and w.old = c.key and w.site is not distinct from c.before ->> 'site'
  left join renamed_{kind} n
    on jsonb_typeof(c.after) = 'object' and n.old = c.key
   and n.site is not distinct from case when c.after ? 'site' then c.after ->> 'site' else c.before ->> 'site' end
 where c.resource_type = '{kind}'"""  # noqa: S608
    )
    op.execute(f"delete from change where resource_type = '{kind}'")  # noqa: S608
    columns = "insert into change (run_id, resource_type, key, row, before, after) select run_id, resource_type,"
    whole = "result - array['created_at', 'updated_at', 'created_by_run', 'updated_by_run', 'retired_at']"
    # One of a record that keeps its key, or begins or ends.
    op.execute(
        f"""
{columns} coalesce(became, was, key), row, case when was is null then before else image end,
       case when was is null and became is not null then {whole} else after end
  from rewritten_{kind} where was is null or became is null or was = became"""
    )
    # One that moved: the end of the one record, and the beginning of the other.
    moved = f"from rewritten_{kind} where was <> became"
    op.execute(f"{columns} was, row, image, 'null' {moved}")
    op.execute(f"{columns} became, row, 'null', {whole} {moved}")


def _refer_again() -> None:
    """Let prefixes, and their history, refer to the VLANs by their new keys: those that they have now."""
    op.execute(
        """
create temp table referred on commit drop as
select old, new from (
    select distinct on (old) old, new from (
        select r.old, r.new, 0 as place from renamed_vlan r join vlan v on v.natural_key = r.new
        union all select r.old, r.new, 1 from renamed_vlan r join vlan_gone g on g.natural_key = r.new) as known
     order by old, place) as latest
 where old <> new"""
    )
    for table in ("prefix", "prefix_gone"):
        op.execute(f"update {table} p set vlan = r.new from referred r where r.old = p.vlan")  # noqa: S608
    for image in ("before", "after"):
        op.execute(
            f"""
update change c set {image} = c.{image} || jsonb_build_object('vlan', r.new)
  from referred r where c.resource_type = 'prefix' and jsonb_typeof(c.{image}) = 'object'
   and c.{image} ->> 'vlan' = r.old"""  # noqa: S608
        )


def _end_plans() -> None:
    """End the frozen plans of these types, which were made with the old keys."""
    op.execute(
        """
update import_run set plan_until = now()
 where plan_until > now()
   and jsonb_path_exists(plan, '$.parts[*] ? (@.type == "vlan" || @.type == "device" || @.type == "prefix")')"""
    )


FINDINGS = """
select 'vlan' as type, r.new as key, 'VLAN ''' || r.new || ''' keeps its key: the one with its site is that of another '
       || 'VLAN, of a group that is called like the site. Rename the group, and import the VLANs of both again.'
  from renamed_vlan r join vlan v on v.natural_key = r.new and v.site is not distinct from r.site where r.shared
union all
select 'device', r.new, 'Device ''' || r.old || ''' is known without its site: with it, the key is another device''s.'
  from renamed_device r join device d on d.natural_key = r.new and d.site is not distinct from r.site where r.shared
union all
select 'vlan', string_agg(r.new, ', ' order by r.new), 'VLANs '
       || string_agg('''' || r.new || '''', ', ' order by r.new)
       || ' were one record, which held what was imported last. Import the VLANs of each site again; undoing the run '
       || 'that changed the site brings the earlier one back.'
  from renamed_vlan r where r.site is not null group by r.old having count(distinct r.new) > 1
union all
select 'device', string_agg(r.new, ', ' order by r.new), 'Devices '
       || string_agg('''' || r.new || '''', ', ' order by r.new)
       || ' were one record, which held what was imported last. If they are two devices, import those of each site '
       || 'again; if one was moved, all is well.'
  from renamed_device r where r.site is not null group by r.old having count(distinct r.new) > 1
union all
select 'prefix', p.natural_key, 'Prefix ''' || p.natural_key || ''' of ' || p.site || ' refers to VLAN ''' || p.vlan
       || ''': it referred to a VLAN of that number, whatever its site. Import the prefix again.'
  from prefix p join vlan v on v.natural_key = p.vlan
 where v.site <> p.site and v."group" is null and exists (select 1 from referred r where r.new = v.natural_key)"""


def _report(changed: dict[str, int]) -> None:
    """Enter in the ledger what was done and what could not be told apart."""
    connection = op.get_bind()
    found = connection.execute(sa.text(f"select type, key, said from ({FINDINGS}) as f (type, key, said)")).all()  # noqa: S608
    if not found and not any(changed.values()):
        return
    run = uuid4()
    message = (
        f"VLANs with a new key, which has their site: {changed['vlan']:,}; devices: {changed['device']:,}. "
        "Their history and the prefixes that refer to them have it, too."
    )
    if found:
        message += f" {len(found):,} could not be told apart: see the warnings."
    row: dict[str, Any] = {
        "run": run,
        "warnings": len(found),
        "message": message,
        "rules": json.dumps([["shared_key", "warning", len(found)]] if found else []),
    }
    connection.execute(
        sa.text(
            "insert into import_run (run_id, source, mode, dry_run, options, status, message, warnings, rules, notices,"
            " finished_at, duration) values (:run, 'upgrade', 'update', false, '{}', 'completed', :message, :warnings,"
            " cast(:rules as jsonb), '[]', clock_timestamp(), 0)"
        ),
        row,
    )
    issues = [{"run": run, "value": key, "message": said} for _, key, said in found[:MOST]]
    if issues:
        connection.execute(
            sa.text(
                "insert into import_issue (run_id, value, rule, severity, message)"
                " values (:run, :value, 'shared_key', 'warning', :message)"
            ),
            issues,
        )


def downgrade() -> None:
    """Take the change back; it fails where two records would share a key, and their history keeps the new ones."""
    op.execute("drop view if exists all_changes")
    op.drop_index("device_gone_key", table_name="device_gone")
    op.drop_constraint("device_pkey", "device")
    for name in ("device", "device_gone"):
        op.alter_column(name, "name", nullable=False, type_=sa.Text(collation="C"))
        op.drop_column(name, "natural_key")
        op.drop_column(name, "tenant")
    op.create_primary_key("device_pkey", "device", ["name"])
    op.create_index("device_gone_key", "device_gone", ["name"])
    for name in ("vlan", "vlan_gone"):
        op.execute(f"""update {name} set natural_key = coalesce("group", '') || '/' || vid""")  # noqa: S608
    for table in SOURCED:
        for name in (table, f"{table}_gone"):
            op.drop_column(name, "source_id")
