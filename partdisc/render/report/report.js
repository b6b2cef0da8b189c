"use strict";
/* The gallery. Data arrive as script files, because a page opened from disk may not fetch; texts from the data enter
   the page as text only (textContent, setAttribute), never as markup. */
const partdisc = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const KEEP_SHARDS = 24;
  const byId = (id) => document.getElementById(id);
  const shards = new Map(); // number -> outlines, or null while loading; the oldest goes first
  const cells = new Map(); // position -> element
  let data = null;
  let order = []; // indices of the images shown
  let layout = { columns: 1, width: 1, height: 1 };
  let shownLayers = [];
  let open = -1; // position shown in the dialog
  let missing = new Set();

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function loadShard(number) {
    if (shards.has(number)) return;
    shards.set(number, null);
    const script = make("script", { src: `data/shard_${String(number).padStart(4, "0")}.js` });
    script.onload = () => script.remove();
    document.head.append(script);
  }

  function shard(number, outlines) {
    shards.set(number, outlines);
    for (const old of shards.keys()) {
      if (shards.size <= KEEP_SHARDS) break;
      if (shards.get(old) !== null && old !== number) shards.delete(old);
    }
    for (const frame of document.querySelectorAll(".frame")) addOverlay(frame);
  }

  function outlinesOf(index) {
    const number = Math.floor(index / data.shard_size);
    const loaded = shards.get(number);
    if (!loaded) { loadShard(number); return null; }
    return loaded[index % data.shard_size];
  }

  function thumbnail(index) {
    return `thumbs/${String(Math.floor(index / 1000)).padStart(3, "0")}/${String(index).padStart(6, "0")}.jpg`;
  }

  function overlay(index, paths) {
    const [width, height] = data.sizes[index];
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `-0.5 -0.5 ${width} ${height}`);
    svg.setAttribute("aria-hidden", "true");
    const group = document.createElementNS(SVG, "g");
    for (const [key, outline] of paths) { // the largest comes first
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", `part-${key}`);
      path.setAttribute("d", outline);
      const title = document.createElementNS(SVG, "title");
      title.textContent = data.parts[key - 1].name;
      path.append(title);
      group.append(path);
    }
    svg.append(group);
    return svg;
  }

  // the outlines of a picture, now if they are loaded, else when they come
  function addOverlay(frame) {
    const index = Number(frame.dataset.index);
    const layer = Number(frame.dataset.layer);
    if (layer < 0 || frame.querySelector("svg")) return;
    const outlines = outlinesOf(index);
    if (outlines && outlines[layer]) frame.append(overlay(index, outlines[layer]));
  }

  function picture(index, layer, square) {
    const frame = make("div", { class: "frame" });
    const [width, height] = data.sizes[index];
    if (!square) frame.style.aspectRatio = `${width} / ${height}`;
    const name = layer < 0 ? "image" : data.layers[layer];
    if (missing.has(index)) frame.append("no picture");
    else frame.append(drawThumbnail(index, name));
    Object.assign(frame.dataset, { index, layer });
    addOverlay(frame);
    const figure = make("figure", { class: "picture" }, frame);
    if (!square || shownLayers.length > 1) figure.append(make("figcaption", {}, name));
    return figure;
  }

  function scoreText(index) {
    return Object.entries(data.scores)
      .filter(([, values]) => values[index] !== null)
      .map(([name, values]) => `${data.score_names[name]} ${values[index].toFixed(3)}`)
      .join(", ");
  }

  function cellAt(position) {
    const index = order[position];
    const box = make("div", { class: "pictures" }, ...shownLayers.map((layer) => picture(index, layer, true)));
    const caption = make("span", { class: "caption" }, data.ids[index]);
    const sorted = byId("sort").value.split(":")[1];
    const value = sorted && data.scores[sorted] ? data.scores[sorted][index] : null;
    if (value !== null && value !== undefined) caption.prepend(`${value.toFixed(3)}  `);
    const cell = make("button", { class: "cell", type: "button", title: data.ids[index] }, box, caption);
    cell.dataset.position = position;
    cell.style.left = `${(position % layout.columns) * layout.width}px`;
    cell.style.top = `${Math.floor(position / layout.columns) * layout.height}px`;
    cell.style.width = `${layout.width}px`;
    cell.style.height = `${layout.height}px`;
    return cell;
  }

  function measure() {
    const gallery = byId("gallery");
    const total = gallery.clientWidth;
    const layers = Math.max(1, shownLayers.length);
    const wanted = Math.min(total, 210 * layers);
    const columns = Math.max(1, Math.floor(total / wanted));
    const width = Math.floor(total / columns);
    const side = (width - 6 - 4 * (layers - 1)) / layers;
    layout = { columns, width, height: Math.ceil(side) + (layers > 1 ? 18 : 0) + 18 + 8 };
    gallery.style.height = `${Math.ceil(order.length / columns) * layout.height}px`;
  }

  // an empty canvas gives its memory back at once, not when the page is next swept
  function drop(cell) {
    for (const canvas of cell.querySelectorAll("canvas")) canvas.width = 0;
    cell.remove();
  }

  /* Thumbnails are drawn on canvases: browsers keep the pixels of every <img> they ever showed, which for thousands of
     them is hundreds of megabytes. Nothing is read back from a canvas. */
  function drawThumbnail(index, name) {
    const [width, height] = data.sizes[index];
    const canvas = make("canvas", { width, height, role: "img", "aria-label": `${data.ids[index]}, ${name}` });
    const image = new Image();
    image.onload = async () => {
      const bitmap = await createImageBitmap(image);
      if (canvas.width) canvas.getContext("2d").drawImage(bitmap, 0, 0);
      bitmap.close();
      canvas.dataset.drawn = "yes";
    };
    image.src = thumbnail(index);
    return canvas;
  }

  function draw() {
    const gallery = byId("gallery");
    const top = -gallery.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / layout.height) - 1) * layout.columns;
    const last = Math.min(order.length, (Math.ceil((top + window.innerHeight) / layout.height) + 1) * layout.columns);
    for (const [position, cell] of cells) {
      if (position < first || position >= last) {
        if (cell === document.activeElement) continue; // keep the focus where it is
        drop(cell);
        cells.delete(position);
      }
    }
    for (let position = first; position < last; position++) {
      if (cells.has(position)) continue;
      const cell = cellAt(position);
      cells.set(position, cell);
      gallery.append(cell);
    }
  }

  function redraw() {
    for (const cell of cells.values()) drop(cell);
    cells.clear();
    measure();
    draw();
  }

  function choose() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const key = Number(byId("with-part").value);
    const [direction, column] = byId("sort").value.split(":");
    order = [];
    data.ids.forEach((id, index) => {
      const name = id.toLowerCase();
      if (words.every((word) => name.includes(word)) && (!key || data.present[index].includes(key))) order.push(index);
    });
    if (direction === "name") order.sort((a, b) => (data.ids[a] < data.ids[b] ? -1 : 1));
    if (direction === "parts") order.sort((a, b) => data.present[b].length - data.present[a].length || a - b);
    if (column) {
      const values = data.scores[column];
      const sign = direction === "up" ? 1 : -1;
      order = order.filter((i) => values[i] !== null).sort((a, b) => sign * (values[a] - values[b]) || a - b)
        .concat(order.filter((i) => values[i] === null));
    }
    byId("count").textContent = `${order.length} of ${data.ids.length}`;
    redraw();
  }

  function showDetail(position) {
    open = position;
    const index = order[position];
    byId("detail-title").textContent = data.ids[index];
    const all = [-1, ...data.layers.keys()];
    byId("detail-pictures").replaceChildren(...all.map((layer) => picture(index, layer, false)));
    const names = data.present[index].map((key) => data.parts[key - 1].name).join(", ");
    byId("detail-facts").replaceChildren(make("p", {}, `Parts: ${names || "none"}`), make("p", {}, scoreText(index)));
    const dialog = byId("detail");
    if (!dialog.open) dialog.showModal();
  }

  function step(by) {
    const position = Math.min(Math.max(open + by, 0), order.length - 1);
    if (position !== open) showDetail(position);
  }

  function moveFocus(event) {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -layout.columns, ArrowDown: layout.columns };
    const here = Number(cell.dataset.position);
    let target = here + (steps[event.key] || 0);
    if (event.key === "Home") target = 0;
    if (event.key === "End") target = order.length - 1;
    if (target === here || target < 0 || target >= order.length) return;
    event.preventDefault();
    const gallery = byId("gallery");
    if (!cells.has(target)) {
      window.scrollTo(0, window.scrollY + gallery.getBoundingClientRect().top
        + Math.floor(target / layout.columns) * layout.height - window.innerHeight / 2);
      draw();
    }
    cells.get(target).focus();
    cells.get(target).scrollIntoView({ block: "nearest" });
  }

  function addToggle(box, text, checked, change) {
    const input = make("input", { type: "checkbox" });
    input.checked = checked;
    input.addEventListener("change", () => change(input.checked));
    const label = make("label", {}, input, text);
    box.append(label);
    return label;
  }

  // a part is toggled everywhere at once: in the gallery, in the dialog, in both lists of toggles
  function addPartToggle(box, part) {
    const label = addToggle(box, part.name, true, (on) => {
      document.documentElement.classList.toggle(`hide-${part.key}`, !on);
      for (const twin of document.querySelectorAll(`input[data-key="${part.key}"]`)) twin.checked = on;
    });
    label.firstChild.dataset.key = part.key;
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = part.color;
    label.firstChild.after(swatch);
  }

  function addOption(select, value, text) {
    select.append(make("option", { value }, text));
  }

  function setOpacity(value) {
    document.documentElement.style.setProperty("--opacity", value / 100);
    for (const slider of document.querySelectorAll(".opacity")) slider.value = value;
  }

  function buildControls() {
    for (const part of data.parts.filter((each) => each.occurs)) {
      addOption(byId("with-part"), part.key, part.name);
      for (const box of document.querySelectorAll(".toggles")) addPartToggle(box, part);
    }
    addOption(byId("sort"), "run", "order of the run");
    addOption(byId("sort"), "name", "name");
    addOption(byId("sort"), "parts", "number of parts");
    for (const name of Object.keys(data.scores)) {
      addOption(byId("sort"), `down:${name}`, `${data.score_names[name]}, best first`);
      addOption(byId("sort"), `up:${name}`, `${data.score_names[name]}, worst first`);
    }
    shownLayers = [...data.layers.keys()];
    const toggleLayer = (layer) => (on) => {
      shownLayers = on ? [...shownLayers, layer].sort((a, b) => a - b) : shownLayers.filter((l) => l !== layer);
      redraw();
    };
    addToggle(byId("layers"), "image", false, toggleLayer(-1));
    data.layers.forEach((name, layer) => addToggle(byId("layers"), name, true, toggleLayer(layer)));
  }

  function listen() {
    let waiting = 0;
    byId("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 120); });
    byId("with-part").addEventListener("change", choose);
    byId("sort").addEventListener("change", choose);
    byId("controls").addEventListener("submit", (event) => event.preventDefault());
    byId("outline").addEventListener("change", (event) =>
      document.documentElement.classList.toggle("outline", event.target.checked));
    for (const slider of document.querySelectorAll(".opacity"))
      slider.addEventListener("input", () => setOpacity(slider.value));
    for (const button of document.querySelectorAll(".only")) {
      button.addEventListener("click", () => {
        byId("with-part").value = button.dataset.key;
        choose();
        byId("images").scrollIntoView();
      });
    }
    byId("gallery").addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      if (cell) showDetail(Number(cell.dataset.position));
    });
    byId("gallery").addEventListener("keydown", moveFocus);
    byId("close").addEventListener("click", () => byId("detail").close());
    byId("detail").addEventListener("close", () => { open = -1; });
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));
    byId("detail").addEventListener("keydown", (event) => {
      if (event.target.matches("input")) return;
      if (event.key === "ArrowLeft") step(-1);
      if (event.key === "ArrowRight") step(1);
    });
    let frame = 0;
    const later = (action) => () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(action); };
    window.addEventListener("scroll", later(draw), { passive: true });
    window.addEventListener("resize", later(redraw));
  }

  function index(value) {
    data = value;
    missing = new Set(data.missing);
    buildControls();
    listen();
    choose();
    document.documentElement.dataset.ready = "yes";
  }

  return { index, shard };
})();
