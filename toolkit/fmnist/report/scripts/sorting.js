/* Tables that sort by any column: numbers by their data-value, text by the rules of the reader's language.
   Missing values are last in both directions. */
function sortKey(row, column) {
  const cell = row.cells[column];
  if (cell.classList.contains("number")) return cell.dataset.value ? Number(cell.dataset.value) : null;
  const text = cell.dataset.value ?? cell.textContent.trim();
  return text === "" || text === "–" ? null : text;
}

function compareKeys(one, other) {
  return typeof one === "number" ? one - other : one.localeCompare(other, undefined, { numeric: true });
}

/* Array.sort is stable, so equal rows keep their order in both directions. */
function sortRows(body, column, sign) {
  const keyed = Array.from(body.rows, (row) => [sortKey(row, column), row]);
  keyed.sort(([one], [other]) => {
    if (one === null || other === null) return (one === null) - (other === null);
    return sign * compareKeys(one, other);
  });
  body.append(...keyed.map(([, row]) => row));
}

function makeSortable(table) {
  const headers = Array.from(table.tHead.rows[0].cells);
  headers.forEach((header, column) => {
    const button = element("button", header.textContent, { type: "button" });
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const rising = header.getAttribute("aria-sort") !== "ascending";
      for (const each of headers) each.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", rising ? "ascending" : "descending");
      sortRows(table.tBodies[0], column, rising ? 1 : -1);
    });
  });
}

/* New rows are not sorted yet. */
function forgetSorting(table) {
  for (const header of table.tHead.rows[0].cells) header.removeAttribute("aria-sort");
}

