"use strict";
{
  const made = (tag, fields, ...inside) => {
    const one = Object.assign(document.createElement(tag), fields);
    one.append(...inside);
    return one;
  };

  // A cell's whole number, or its text; null where there is nothing.
  const key = (cell) => {
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const text = cell.textContent.trim();
    return text === "-" || text === "" ? null : text;
  };

  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return a.localeCompare(b, "en", { numeric: true });
  };

  const sort = (body, heading, at) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].map((row) => ({ row, value: key(row.cells[at]) }));
    rows.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
      return down ? compare(b.value, a.value) : compare(a.value, b.value);
    });
    body.append(...rows.map((one) => one.row));
  };

  for (const block of document.querySelectorAll(".filterable")) {
    const table = block.querySelector("table");
    const body = table.tBodies[0];
    const title = table.caption.textContent;
    [...table.tHead.rows[0].cells].forEach((heading, at) => {
      const button = made("button", { type: "button", textContent: heading.textContent });
      button.addEventListener("click", () => sort(body, heading, at));
      heading.setAttribute("aria-sort", "none");
      heading.replaceChildren(button);
    });
    if (body.rows.length < 8) continue;

    const search = made("input", { type: "search", autocomplete: "off" });
    const count = made("p", { className: "count" });
    count.setAttribute("role", "status");
    const selects = JSON.parse(block.dataset.facets).map(([at, values]) => {
      const select = made("select", {}, made("option", { value: "", textContent: "all" }));
      select.append(...values.map((value) => made("option", { value, textContent: value })));
      return { at, select, name: table.tHead.rows[0].cells[at].textContent };
    });
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of body.rows) {
        const text = row.textContent.toLowerCase();
        const kept = words.every((word) => text.includes(word)) &&
          selects.every(({ at, select }) => !select.value || row.cells[at].textContent.trim() === select.value);
        row.hidden = !kept;
        shown += kept;
      }
      count.textContent = `${shown} of ${body.rows.length} rows`;
    };
    const filters = made("div", { className: "filters" });
    filters.setAttribute("role", "group");
    filters.setAttribute("aria-label", `Filter ${title}`);
    for (const { select, name } of selects) {
      filters.append(made("label", {}, name.charAt(0).toUpperCase() + name.slice(1), select));
      select.addEventListener("change", filter);
    }
    filters.append(made("label", {}, "Contains", search), count);
    search.addEventListener("input", filter);
    block.prepend(filters);
    filter();
  }
}
