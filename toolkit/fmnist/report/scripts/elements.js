"use strict";

/* What all parts use. Text of others goes in by textContent alone. */
const report = JSON.parse(document.getElementById("report-data").textContent);

function element(tag, text = "", properties = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  return Object.assign(made, properties);
}

function option(text, value) {
  return element("option", text, { value });
}

/* What only works by script is hidden in the page, and shown once it works. */
function reveal(parent, selector) {
  for (const found of parent.querySelectorAll(selector)) found.hidden = false;
}

const counted = (number) => number.toLocaleString("en");
const percent = (share, digits) => `${(100 * share).toFixed(digits)}%`;

