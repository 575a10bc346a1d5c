/* Shows one model of a run: hides the rows and figures of others, and dims them in charts that compare models. */
function showPicked(article, picked) {
  for (const found of article.querySelectorAll("[data-model]")) {
    found.classList.toggle("other", picked !== null && Number(found.dataset.model) !== picked);
  }
  for (const found of article.querySelectorAll("[data-mark]")) {
    found.classList.toggle("dim", picked !== null && Number(found.dataset.mark) !== picked);
  }
}

/* Calls back with the index of the model, or null for all; also at once, as a browser may restore a choice. */
function onPick(article, callback) {
  const select = article.querySelector("select.pick");
  const tell = () => callback(select.value === "" ? null : Number(select.value));
  select.addEventListener("change", tell);
  tell();
}

