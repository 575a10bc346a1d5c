/* The changed answers of one model, by kind of change and by pair of answers. */
function kindOf([, is, before, after]) {
  return before === is ? "worse" : after === is ? "better" : "wrong";
}

function changedView(article, run) {
  const section = article.querySelector("section.changed");
  if (!section) return () => {};
  const [kinds, pairs, more] = [".kinds", ".pairs", ".more"].map((name) => section.querySelector(name));
  const place = section.querySelector(".flips");
  const pattern = place.firstElementChild.cloneNode(true);
  for (const image of place.querySelectorAll("img")) run.pictures[image.dataset.image] = image.src;
  let changes = null;
  let limit = report.page;

  function show() {
    const [before, after] = pairs.value ? pairs.value.split(" ").map(Number) : [null, null];
    const wanted = changes.answers.filter(
      (answer) =>
        (!kinds.value || kindOf(answer) === kinds.value) &&
        (before === null || (answer[2] === before && answer[3] === after)),
    );
    place.replaceChildren(...wanted.slice(0, limit).map((answer) => flip(pattern, run, answer)));
    more.hidden = wanted.length <= limit;
    section.querySelector(".count").textContent = shownText(changes, wanted.length, limit, kinds.value || pairs.value);
  }

  function restart() {
    limit = report.page;
    show();
  }

  kinds.addEventListener("change", restart);
  pairs.addEventListener("change", restart);
  more.addEventListener("click", () => {
    const seen = place.children.length;
    limit += report.page;
    show();
    const first = place.children[seen];
    first.tabIndex = -1; // so that the keyboard continues at the first new one
    first.focus();
  });
  reveal(section, ".by-script");
  return (picked) => {
    const index = picked !== null && run.changes[picked] ? picked : run.opens[0];
    changes = run.changes[index];
    section.querySelector(".which").replaceChildren(...whichText(run, index, picked));
    fillKinds(kinds, changes);
    fillPairs(pairs, changes, run.labels);
    restart();
  };
}

function total(changes) {
  return changes.kinds.worse + changes.kinds.better + changes.kinds.wrong;
}

function whichText(run, index, picked) {
  const changes = run.changes[index];
  const { worse, better, wrong } = changes.kinds;
  const why = index === picked ? "" : `, ${run.opens[1]}`;
  const figures = `${counted(worse)} worse, ${counted(better)} better, ${counted(wrong)} wrong to wrong`;
  const all = total(changes);
  return [
    element("code", run.models[index]),
    all ? `${why}: ${counted(all)} ${all === 1 ? "answer" : "answers"} changed, ${figures}.` : `${why}: it gives the same answers as the original.`,
  ];
}

function shownText(changes, wanted, limit, filtered) {
  const shown = Math.min(wanted, limit);
  const all = total(changes);
  const listed = changes.answers.length;
  const text = filtered ? `${counted(shown)} of ${counted(wanted)} of this kind shown` : `${counted(shown)} of ${counted(all)} shown`;
  const rest = listed < all ? ` The page has room for ${counted(listed)} of all ${counted(all)}.` : "";
  return all ? `${text}, largest margin of the original first. The number beside an answer is its margin: the difference of the two highest probabilities.${rest}` : "";
}

function fillKinds(select, changes) {
  const options = Object.entries(changes.kinds).filter(([, count]) => count);
  select.replaceChildren(
    option(`all (${counted(total(changes))})`, ""),
    ...options.map(([kind, count]) => option(`${report.kinds[kind]} (${counted(count)})`, kind)),
  );
}

function fillPairs(select, changes, labels) {
  select.replaceChildren(
    option(`all (${counted(total(changes))})`, ""),
    ...changes.pairs.map(([before, after, count]) =>
      option(`${labels[before]} → ${labels[after]} (${counted(count)})`, `${before} ${after}`),
    ),
  );
}

/* Copies a figure or a table row of the page, and fills it with another answer. */
function flip(pattern, run, answer) {
  const [image, is, before, after, beforeMargin, afterMargin] = answer;
  const kind = kindOf(answer);
  const made = pattern.cloneNode(true);
  made.className = `flip ${kind}`;
  const texts = {
    kind: report.kinds[kind],
    before: run.labels[before],
    after: run.labels[after],
    "before-margin": beforeMargin.toFixed(3),
    "after-margin": afterMargin.toFixed(3),
    true: run.labels[is],
    image: String(image),
  };
  for (const [name, text] of Object.entries(texts)) made.querySelector(`.${name}`).textContent = text;
  const picture = made.querySelector("img");
  if (picture) {
    picture.src = run.pictures[image];
    picture.alt = `Image ${image}`;
    picture.dataset.image = image;
  }
  return made;
}

