/* One model of a run at a time: what is of others is hidden, or dimmed where models are compared in one chart. */
function showPicked(article, picked) {
  for (const found of article.querySelectorAll("[data-model]")) {
    found.classList.toggle("other", picked !== null && Number(found.dataset.model) !== picked);
  }
  for (const found of article.querySelectorAll("[data-mark]")) {
    found.classList.toggle("dim", picked !== null && Number(found.dataset.mark) !== picked);
  }
}

/* Calls back with the model's number, or null for all; at once, too, as a browser may keep a choice. */
function onPick(article, callback) {
  const select = article.querySelector("select.pick");
  const tell = () => callback(select.value === "" ? null : Number(select.value));
  select.addEventListener("change", tell);
  tell();
}

