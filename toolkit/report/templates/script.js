"use strict";
(() => {
  const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const keyOf = (row, index) => {
    const cell = row.cells[index];
    const value = cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
    if (value === "") return null;
    return Number.isNaN(Number(value)) || cell.dataset.value === undefined ? value : Number(value);
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : words.compare(String(a), String(b));

  const sort = (table, heading) => {
    const index = heading.cellIndex;
    const body = table.tBodies[0];
    const keyed = Array.from(body.rows, (row) => [keyOf(row, index), row]);
    const numeric = keyed.some(([key]) => typeof key === "number");
    const before = heading.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : numeric;
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return descending ? compare(b, a) : compare(a, b);
    });
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    body.append(...keyed.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    table.tHead.addEventListener("click", (event) => {
      const heading = event.target.closest("th");
      if (heading) sort(table, heading);
    });
  }

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.previousElementSibling;
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
    });
  }

  const folded = [];
  addEventListener("beforeprint", () => {
    for (const box of document.querySelectorAll("details:not([open])")) { box.open = true; folded.push(box); }
  });
  addEventListener("afterprint", () => { for (const box of folded.splice(0)) box.open = false; });
})();
