/* The confusion matrix, and a list of the most frequent confusions. */
function confusionView(article, run) {
  const section = article.querySelector("section.confusion");
  if (!section) return () => {};
  const difference = section.querySelector(".difference");
  const checkbox = difference.querySelector("input");
  let shown = 0;

  function show() {
    const found = run.confusion[shown];
    section.querySelector(".of").textContent = run.models[shown];
    const compares = shown !== 0 && found.matrix !== null;
    difference.hidden = !compares;
    if (found.matrix) {
      const before = compares && checkbox.checked ? run.confusion[0].matrix : null;
      fillMatrix(section.querySelector(".matrix"), run.labels, found.matrix, before);
    }
    fillMost(section.querySelector(".most"), run.labels, found.most);
  }

  reveal(section, ".by-script");
  for (const found of section.querySelectorAll(".without-script")) found.remove();
  moveByArrows(section.querySelector(".cells"));
  checkbox.addEventListener("change", show);
  return (picked) => {
    shown = picked !== null && run.confusion[picked] ? picked : 0;
    show();
  };
}

function fillMatrix(place, labels, matrix, before) {
  const table = place.querySelector(".cells");
  const told = place.querySelector(".told");
  const top = element("tr");
  top.append(element("td"), ...labels.map((label) => element("th", label, { scope: "col" })));
  table.tHead.replaceChildren(top);
  const changes = matrix.map((row, y) => row.map((count, x) => count - (before ? before[y][x] : 0)));
  const most = Math.max(1, ...changes.flatMap((row, y) => row.map((n, x) => (x === y && !before ? 0 : Math.abs(n)))));
  table.tBodies[0].replaceChildren(
    ...matrix.map((row, y) => {
      const line = element("tr");
      const all = row.reduce((sum, count) => sum + count, 0);
      line.append(element("th", labels[y], { scope: "row" }));
      row.forEach((count, x) => {
        const change = changes[y][x];
        const cell = element("td", before ? signed(change) : count || "", { tabIndex: x + y ? -1 : 0 });
        cell.dataset.count = change;
        const isGood = before ? (x === y) === change > 0 : x === y;
        cell.className = change ? (isGood ? "good" : "bad") : "none";
        const heat = x === y && !before ? change / Math.max(1, all) : Math.sqrt(Math.abs(change) / most);
        cell.style.setProperty("--heat", percent(heat, 0).replace(" ", ""));
        const text = sentence(labels, y, x, count, before ? change : null);
        cell.setAttribute("aria-label", text);
        for (const event of ["mouseenter", "focus"]) cell.addEventListener(event, () => (told.textContent = text));
        line.append(cell);
      });
      return line;
    }),
  );
  place.hidden = false;
}

const signed = (change) => (change > 0 ? `+${change}` : change < 0 ? `−${-change}` : "");

function sentence(labels, y, x, count, change) {
  const told = `${counted(count)} ${count === 1 ? "image" : "images"} of ${labels[y]}, answered ${labels[x]}`;
  if (change === null) return told;
  return change ? `${told}, ${counted(Math.abs(change))} ${change > 0 ? "more" : "fewer"} than with the original` : `${told}, as with the original`;
}

function fillMost(table, labels, most) {
  forgetSorting(table);
  const isFaultless = most.length === 0;
  table.closest(".scroll").hidden = isFaultless;
  table.closest(".listed").querySelector(".faultless").hidden = !isFaultless;
  table.tBodies[0].replaceChildren(
    ...most.map(([y, x, images, share]) => {
      const row = element("tr");
      const number = (value, text) => {
        const cell = element("td", text, { className: "number" });
        cell.dataset.value = value;
        return cell;
      };
      row.append(element("th", labels[y], { scope: "row" }), element("td", labels[x]));
      row.append(number(images, counted(images)), number(share, percent(share, 1)));
      return row;
    }),
  );
}

/* The whole matrix is one stop of the Tab key; the arrow keys move within it, as in a spreadsheet. */
function moveByArrows(table) {
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  table.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    const cell = event.target.closest("td");
    if (!step || !cell) return;
    event.preventDefault();
    const row = table.tBodies[0].rows[cell.parentNode.sectionRowIndex + step[0]];
    const next = row?.cells[cell.cellIndex + step[1]];
    if (next?.tagName !== "TD") return;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

