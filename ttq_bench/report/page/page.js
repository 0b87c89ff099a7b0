"use strict";

// Adds to a page that can be read without it: sortable and searchable tables, zoomable figures.

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// Tables. A cell sorts by its title, the number in full, where it has one.

const UNIT_SECONDS = { s: 1, min: 60, h: 3600 };
const words = new Intl.Collator("en", { numeric: true });

// [0, number], [1, text] or, always last, [2]. "3 h 05 min" counts in seconds.
function sortKey(cell) {
  const text = (cell.title || cell.textContent).trim().replace(/^\u2212/, "-")
    .replace(/^(-?)inf$/, "$1Infinity");
  if (text === "" || text === "\u2013") return [2];
  if (/^(\d+ (h|min|s)( |$))+$/.test(text)) {
    const parts = text.matchAll(/(\d+) (h|min|s)/g);
    return [0, [...parts].reduce((sum, part) => sum + part[1] * UNIT_SECONDS[part[2]], 0)];
  }
  const number = parseFloat(text.replace(/(\d),(?=\d{3})/g, "$1"));
  return Number.isNaN(number) ? [1, text] : [0, number];
}

function compare(a, b, sign) {
  if (a[0] !== b[0] || a[0] === 2) return a[0] - b[0];
  return sign * (a[0] === 0 ? a[1] - b[1] : words.compare(a[1], b[1]));
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = element("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" };
      const order = next[head.getAttribute("aria-sort")];
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", order);
      if (order === "none") return body.append(...original);
      const sign = order === "ascending" ? 1 : -1;
      const keyed = original.map((row) => [sortKey(row.cells[column]), row]);
      keyed.sort((a, b) => compare(a[0], b[0], sign));
      body.append(...keyed.map((pair) => pair[1]));
    });
  });
}

function makeSearchable(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length <= 5) return;
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const field = element("input", { type: "search" });
  const count = element("output", {}, `${rows.length} rows`);
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase().split(/\s+/);
    rows.forEach((row, i) => { row.hidden = !wanted.every((word) => texts[i].includes(word)); });
    const left = rows.filter((row) => !row.hidden).length;
    count.value = left < rows.length ? `${left} of ${rows.length} rows` : `${rows.length} rows`;
  });
  const label = element("label", {}, "Filter rows", field);
  table.parentElement.before(element("div", { className: "filter" }, label, count));
}

// Figures. What is seen of one is its viewBox; it never leaves the whole.

const MOST_ZOOM = 30;

function makeZoomable(figure) {
  const view = figure.querySelector(".view");
  const svg = view.querySelector("svg");
  const [left, top, width, height] = svg.getAttribute("viewBox").split(/[ ,]+/).map(Number);
  let x = left, y = top, zoom = 1;

  function show(newX, newY, newZoom) {
    zoom = Math.min(Math.max(newZoom, 1), MOST_ZOOM);
    x = Math.min(Math.max(newX, left), left + width - width / zoom);
    y = Math.min(Math.max(newY, top), top + height - height / zoom);
    svg.setAttribute("viewBox", [x, y, width / zoom, height / zoom].join(" "));
    view.classList.toggle("zoomed", zoom > 1);
  }
  // The point at the share (across, down) of the picture stays where it is.
  function zoomBy(factor, across = 0.5, down = 0.5) {
    const after = Math.min(Math.max(zoom * factor, 1), MOST_ZOOM);
    const gained = 1 / zoom - 1 / after;
    show(x + width * across * gained, y + height * down * gained, after);
  }
  const pan = (across, down) => show(x + across * width / zoom, y + down * height / zoom, zoom);
  const reset = () => show(left, top, 1);

  Object.assign(view, { tabIndex: 0, role: "group", ariaLabel: "Figure: + and - zoom, 0 resets" });
  view.addEventListener("wheel", (event) => {
    if (document.activeElement !== view) return; // the page scrolls until the figure is clicked
    event.preventDefault();
    const at = new DOMPoint(event.clientX, event.clientY);
    const point = at.matrixTransform(svg.getScreenCTM().inverse());
    const across = (point.x - x) / width * zoom, down = (point.y - y) / height * zoom;
    zoomBy(Math.exp(-event.deltaY / 400), across, down);
  }, { passive: false });
  view.addEventListener("pointerdown", (event) => {
    if (zoom > 1 && event.button === 0) view.setPointerCapture(event.pointerId);
  });
  view.addEventListener("pointermove", (event) => {
    if (!view.hasPointerCapture(event.pointerId)) return;
    const pixels = svg.getScreenCTM().a; // a unit of the drawing
    show(x - event.movementX / pixels, y - event.movementY / pixels, zoom);
  });
  view.addEventListener("dblclick", reset);
  const keys = {
    "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: reset,
    ArrowLeft: () => pan(-0.1, 0), ArrowRight: () => pan(0.1, 0),
    ArrowUp: () => pan(0, -0.1), ArrowDown: () => pan(0, 0.1), Escape: () => view.blur(),
  };
  view.addEventListener("keydown", (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey);
    if (!plain || !(event.key in keys) || (zoom === 1 && event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    keys[event.key]();
  });

  const button = (text, ariaLabel, onclick) =>
    element("button", { type: "button", ariaLabel, onclick }, text);
  view.after(element("div", { className: "zoom" },
    button("+", "Zoom in", () => zoomBy(1.5)),
    button("\u2212", "Zoom out", () => zoomBy(1 / 1.5)),
    button("Reset", "Reset zoom", reset),
    element("span", {}, "Click the figure, then wheel to zoom, drag to move.")));
}

document.querySelectorAll(".scroll > table:has(tbody)").forEach((table) => {
  makeSearchable(table);
  makeSortable(table);
});
document.querySelectorAll(".plot").forEach(makeZoomable);
document.querySelector("nav details").open = matchMedia("(min-width: 70rem)").matches;
