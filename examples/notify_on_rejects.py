"""An automation of Prefect: a webhook is called whenever a run rejects rows.

Start it once, with the address of the webhook and PREFECT_API_URL (and PREFECT_API_AUTH_STRING) in the environment:

    python examples/notify_on_rejects.py https://chat.example.com/hooks/…
"""

from __future__ import annotations

import sys

from prefect.automations import Automation
from prefect.blocks.webhook import Webhook
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import EventTrigger
from pydantic import SecretStr

MESSAGE = """{
  "event": {{ event.event | tojson }},
  "runId": {{ event.payload.runId | tojson }},
  "text": {{ (event.payload.source ~ ": " ~ event.payload.counts.rejected ~ " rows were rejected") | tojson }},
  "link": {{ event.payload.link | tojson }}
}"""


def main(address: str) -> None:
    """Keep the address as a block of Prefect, and create the automation."""
    block = Webhook(url=SecretStr(address), headers={"Content-Type": "application/json"})
    saved = block.save("rejected-rows", overwrite=True)
    trigger = EventTrigger(expect={"cmdb.run.rejected-rows"}, for_each={"prefect.resource.id"}, threshold=1)
    automation = Automation(
        name="Notify of rejected rows",
        trigger=trigger,
        actions=[CallWebhook(block_document_id=saved, payload=MESSAGE)],
    )
    automation.create()
    print(f"Created the automation: {automation.name}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
