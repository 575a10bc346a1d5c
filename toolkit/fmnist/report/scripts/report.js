/* Fills the bar of a run with links to its headings. */
function fillContents(article) {
  const headings = article.querySelectorAll("section > h2[id]");
  const links = Array.from(headings, (heading) => element("a", heading.textContent, { href: `#${heading.id}` }));
  article.querySelector(".contents").replaceChildren(...links);
}

themes(document.getElementById("theme"));
document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("article.run").forEach((article) => {
  const run = report.runs[Number(article.dataset.run)];
  const views = [confusionView(article, run), changedView(article, run)];
  fillContents(article);
  onPick(article, (picked) => {
    showPicked(article, picked);
    for (const view of views) view(picked);
  });
  reveal(article, ".bar");
});
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
