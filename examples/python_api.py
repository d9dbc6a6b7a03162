"""cmdb from Python: preview a file, import it, look at the records, and undo the import."""

from __future__ import annotations

from pathlib import Path

import cmdb

FILE = Path(__file__).with_name("vpcs-with-mistakes.csv")


def main() -> None:
    """Import the example with mistakes, and undo that."""
    plan = cmdb.plan_file(FILE)
    print(f"{plan.counts.create} VPCs would be created; {plan.counts.rejected} rows are rejected:")
    for issue in plan.issues:
        print(f"  row {issue.row}: {issue.message}")
    done = cmdb.apply_plan(plan)
    for record in cmdb.list_records("vpc", where="region = eu-central-1"):
        print(record["key"], record["cidr_block"], record["name"])
    cmdb.undo(done)
    print(f"{len(cmdb.list_records('vpc'))} VPCs are left")


if __name__ == "__main__":
    main()
