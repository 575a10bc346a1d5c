"use strict";

/* Shared functions. Text of a run is only ever set as textContent. */
const report = JSON.parse(document.getElementById("report-data").textContent);

function element(tag, text = "", properties = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  return Object.assign(made, properties);
}

function option(text, value) {
  return element("option", text, { value });
}

/* Shows elements that the page hides because they need the script. */
function reveal(parent, selector) {
  for (const found of parent.querySelectorAll(selector)) found.hidden = false;
}

const counted = (number) => number.toLocaleString("en");
const percent = (share, digits) => `${(100 * share).toFixed(digits)}%`;

