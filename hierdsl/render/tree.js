"use strict";
// The page can be read without this: the tree opens and closes by itself. Added here: opening down to a level, the
// search, and the arrow keys.
(() => {
  const REVEALED = 100; // more matches are marked, and opened one by one
  const tree = document.querySelector(".tree");
  const controls = document.querySelector(".controls");
  const rows = [...tree.querySelectorAll("summary, .leaf")];
  const names = rows.map((row) => row.querySelector(".name").textContent.toLowerCase());
  const isShown = (row) => !row.closest("details:not([open]) > ul");
  const around = (row) => (row.tagName === "SUMMARY" ? row.parentElement.parentElement : row).closest("details");

  function add(tag, properties, before = null) {
    const element = Object.assign(document.createElement(tag), properties);
    controls.insertBefore(element, before);
    return element;
  }

  // Open down to a level

  for (const label of controls.querySelectorAll(".level")) {
    const level = Number(label.dataset.level);
    const button = add("button", { type: "button", className: "level", title: "open down to this level" }, label);
    button.append(...label.childNodes);
    label.remove();
    button.addEventListener("click", () => {
      for (const branch of tree.querySelectorAll("details")) branch.open = Number(branch.dataset.level) < level;
    });
  }

  // Search

  const search = add("input", { type: "search", placeholder: "name or id  ( / )", ariaLabel: "search the tree" });
  const status = add("output", { ariaLive: "polite" });
  let found = [];
  let current = -1;
  let opened = [];
  let timer = 0;

  function reveal(row) {
    for (let branch = around(row); branch; branch = branch.parentElement.closest("details")) {
      if (!branch.open) {
        branch.open = true;
        opened.push(branch);
      }
    }
  }

  function hasId(row, id) {
    const ids = row.querySelector(".ids");
    return ids !== null && ids.textContent.split(", ").some((part) => {
      const [first, last = first] = part.split("..");
      return Number(first) <= id && id <= Number(last);
    });
  }

  function goTo(index) {
    found[current]?.classList.remove("now");
    current = (index + found.length) % found.length;
    reveal(found[current]);
    found[current].classList.add("now");
    found[current].scrollIntoView({ block: "center" });
    status.value = `${current + 1} of ${found.length.toLocaleString("en")}`;
  }

  function find() {
    clearTimeout(timer);
    for (const row of found) row.classList.remove("hit", "now");
    for (const branch of opened) branch.open = false;
    const wanted = search.value.trim().toLowerCase();
    const isId = /^\d+$/.test(wanted);
    opened = [];
    current = -1;
    found = wanted === "" ? [] : rows.filter((row, i) => names[i].includes(wanted) || (isId && hasId(row, Number(wanted))));
    for (const row of found) row.classList.add("hit");
    found.slice(0, REVEALED).forEach(reveal);
    status.value = wanted === "" ? "" : "no match";
    if (found.length) goTo(0);
    search.dataset.done = search.value;
  }

  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, 150);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (search.dataset.done !== search.value) find();
      else if (found.length) goTo(current + (event.shiftKey ? -1 : 1));
    } else if (event.key === "Escape") {
      search.value = "";
      find();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== search && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
  });

  // Arrow keys: up and down over what is shown, right opens, left closes and goes to the parent

  function focus(row) {
    if (row.tagName !== "SUMMARY") row.tabIndex = -1;
    row.focus();
  }

  function step(row, by) {
    let index = rows.indexOf(row) + by;
    while (rows[index] && !isShown(rows[index])) index += by;
    if (rows[index]) focus(rows[index]);
  }

  tree.addEventListener("keydown", (event) => {
    const row = event.target;
    const branch = row.tagName === "SUMMARY" ? row.parentElement : null;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.key === "ArrowDown") step(row, 1);
    else if (event.key === "ArrowUp") step(row, -1);
    else if (event.key === "ArrowRight" && branch) branch.open ? step(row, 1) : (branch.open = true);
    else if (event.key === "ArrowLeft" && branch?.open) branch.open = false;
    else if (event.key === "ArrowLeft" && around(row)) focus(around(row).firstElementChild);
    else return;
    event.preventDefault();
  });
})();
