/** Templates: an empty file of a type, to fill in. */

import { types } from "./api.js";
import { h } from "./dom.js";
import { download, table } from "./widgets.js";

const FORMATS = { xlsx: "Workbook", csv: "CSV", json: "JSON Schema" };

/** #/templates */
export async function templatesView() {
  const rows = (await types()).map((each) => [
    each.title,
    h("div", { class: "row" }, Object.entries(FORMATS).map(([format, name]) => {
      const link = download(`api/templates/${format}/${each.type}`, name);
      link.classList.add("slim");
      link.setAttribute("aria-label", `${name} for ${each.title}`);
      return link;
    })),
  ]);
  return h("div", null, h("h1", null, "Templates"),
    h("p", { class: "lead" }, "Take an empty file, fill it in, and import it. The workbook has drop-downs and says what each column takes."),
    table("A template for each type and format", ["Type", "Download"], rows));
}
