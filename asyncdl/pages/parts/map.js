
"use strict";
// Draws scenes on a map: no library, no network. Everything from the data becomes text
// by textContent, and never markup.
(() => {
const frame = document.getElementById("map");
if (!frame) return;
const data = JSON.parse(document.getElementById("data").textContent).map;

const MAX_LISTED = 200;      // scenes in the list beside the map; the rest is counted
const SMALL_PX = 6;          // what is smaller is drawn as a dot, so that it can be found
const TURN = 360;
const RAD = Math.PI / 180;

// --- projections: longitude and latitude to a plane of about 1 by 1, y downwards -----

const MAX_LAT = 85.0511;     // of the square Mercator map
const mercator = {
  name: "Mercator", turns: true,
  project(lon, lat) {
    const s = Math.sin(Math.max(-MAX_LAT, Math.min(MAX_LAT, lat)) * RAD);
    return [lon / TURN + 0.5, 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)];
  },
  unproject(x, y) {
    return [(x - 0.5) * TURN, Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) / RAD];
  },
};
// Distances from the pole are true. Nothing is torn at 180° here, nor at the pole.
const polar = (name, sign) => ({
  name, turns: false, sign,
  project(lon, lat) {
    const r = (90 - sign * lat) / TURN;
    return [0.5 + r * Math.sin(lon * RAD), 0.5 + sign * r * Math.cos(lon * RAD)];
  },
  unproject(x, y) {
    const dx = x - 0.5, dy = sign * (y - 0.5);
    return [Math.atan2(dx, dy) / RAD, sign * (90 - Math.hypot(dx, dy) * TURN)];
  },
});
const PROJECTIONS = { mercator, north: polar("North pole", 1), south: polar("South pole", -1) };

// --- small means ---------------------------------------------------------------------

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null));
  return node;
}
const wrapped = (lon) => ((lon + 180) % TURN + TURN) % TURN - 180;
const degrees = (value, plus, minus, digits) => {
  const number = `${Math.abs(value).toFixed(digits)}°`;
  return Number(Math.abs(value).toFixed(digits)) % 180 ? `${number} ${value < 0 ? minus : plus}` : number;
};

// --- what is shown -------------------------------------------------------------------

const dates = [...new Set(data.scenes.map((scene) => scene.date))].sort();
const isShown = new Map(dates.map((date) => [date, true]));
const hue = new Map(dates.map((date, i) =>
  [date, dates.length > 1 ? Math.round(220 - 205 * i / (dates.length - 1)) : 205]));
const colour = (date, alpha) => `hsl(${hue.get(date)} 70% 45% / ${alpha})`;
const shapes = [
  ...data.area.map((rings) => ({ rings, scene: null })),
  ...data.scenes.filter((scene) => scene.rings.length)
    .sort((a, b) => (a.date < b.date ? -1 : 1))
    .map((scene) => ({ rings: scene.rings, scene })),
];
// Each coast is its first corner and the steps from there, in hundredths of a degree.
const coasts = (data.coast || []).map((steps) => {
  const ring = [];
  for (let i = 0, x = 0, y = 0; i < steps.length; i += 2) ring.push([(x += steps[i]) / 100, (y += steps[i + 1]) / 100]);
  return { rings: [ring], scene: null };
});
const shapeOf = new Map(shapes.filter((s) => s.scene).map((s) => [s.scene, s]));
let projection = PROJECTIONS[data.projection];
let selected = null, hovered = null, under = [];

// Along an edge in steps of at most 2°: it is straight in degrees, not on every plane.
function* along([lon0, lat0], [lon1, lat1]) {
  const steps = Math.min(180, Math.ceil(Math.max(Math.abs(lon1 - lon0), Math.abs(lat1 - lat0)) / 2));
  for (let i = 0; i < steps; i++) {
    yield [lon0 + (lon1 - lon0) * i / steps, lat0 + (lat1 - lat0) * i / steps];
  }
}
// Where a shape was cut, at 180° or towards a pole, its rim is nobody's outline.
const isSeam = ([lon0, lat0], [lon1, lat1]) =>
  Math.abs(lat0) === 90 || Math.abs(lat1) === 90 || (lon0 === lon1 && Math.abs(wrapped(lon0)) === 180);

function place(shape) {
  shape.box = [Infinity, Infinity, -Infinity, -Infinity];
  shape.lines = shape.rings.map((ring) => {
    const line = [];
    ring.forEach((corner, i) => {
      const next = ring[(i + 1) % ring.length], pen = !isSeam(corner, next);
      for (const [lon, lat] of along(corner, next)) {
        const [x, y] = projection.project(lon, lat);
        line.push([x, y, pen]);
        shape.box = [Math.min(shape.box[0], x), Math.min(shape.box[1], y),
                     Math.max(shape.box[2], x), Math.max(shape.box[3], y)];
      }
    });
    return line;
  });
}

// --- the view ------------------------------------------------------------------------

const canvas = make("canvas", { tabIndex: 0 });
canvas.setAttribute("role", "img");
canvas.setAttribute("aria-label", "Map of the scenes; the list beside it has the same");
const pen = canvas.getContext("2d");
const view = { x: 0.5, y: 0.5, scale: 256 };
let width = 0, height = 0;

const toScreen = (x, y, turn) => [(x + turn - view.x) * view.scale + width / 2, (y - view.y) * view.scale + height / 2];
const toPlane = (px, py) => [(px - width / 2) / view.scale + view.x, (py - height / 2) / view.scale + view.y];

function turnsOf(box) {
  if (!projection.turns) return [0];
  const left = view.x - width / 2 / view.scale, right = view.x + width / 2 / view.scale;
  const turns = [];
  for (let k = Math.ceil(left - box[2]); k <= Math.floor(right - box[0]); k++) turns.push(k);
  return turns;
}

function fit(some = shapes) {
  if (!some.length) { Object.assign(view, { x: 0.5, y: 0.5, scale: Math.max(width, height) || 256 }); return redraw(); }
  let boxes = some.map((shape) => shape.box);
  if (projection.turns) boxes = together(boxes);
  const west = Math.min(...boxes.map((b) => b[0])), east = Math.max(...boxes.map((b) => b[2]));
  const north = Math.min(...boxes.map((b) => b[1])), south = Math.max(...boxes.map((b) => b[3]));
  view.x = (west + east) / 2; view.y = (north + south) / 2;
  const room = Math.min(width / Math.max(east - west, 1e-9), height / Math.max(south - north, 1e-9));
  zoomTo(Math.min(room * 0.82, 256 * 2 ** 11));
}
// Shift boxes by whole turns so that they lie side by side: the widest gap is not crossed.
function together(boxes) {
  const starts = boxes.map((b) => ((b[0] % 1) + 1) % 1).sort((a, b) => a - b);
  let first = starts[0], widest = starts[0] + 1 - starts[starts.length - 1];
  for (let i = 1; i < starts.length; i++) {
    if (starts[i] - starts[i - 1] > widest) { widest = starts[i] - starts[i - 1]; first = starts[i]; }
  }
  return boxes.map((b) => {
    const start = ((b[0] % 1) + 1) % 1, shift = (start < first ? start + 1 : start) - b[0];
    return [b[0] + shift, b[1], b[2] + shift, b[3]];
  });
}
function zoomTo(scale, px = width / 2, py = height / 2) {
  const [x, y] = toPlane(px, py);
  const least = projection.turns ? width * 0.8 : Math.min(width, height) * 0.6;
  view.scale = Math.max(least || 128, Math.min(scale, 256 * 2 ** 18));
  view.x = x - (px - width / 2) / view.scale; view.y = y - (py - height / 2) / view.scale;
  redraw();
}

// --- drawing -------------------------------------------------------------------------

let isWaiting = false;
function redraw() {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => { isWaiting = false; draw(); listScenes(); });
}

function draw() {
  const style = getComputedStyle(frame), value = (name) => style.getPropertyValue(name).trim();
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (projection.turns) view.y = Math.max(0, Math.min(1, view.y));
  drawTiles();
  drawGraticule(value("--line"), value("--faint"));
  for (const coast of coasts) drawCoast(coast, value("--faint"));
  for (const shape of shapes) {
    if (!shape.scene) drawShape(shape, value("--ink"), 0.05, 2, [6, 4]);
    else if (isShown.get(shape.scene.date)) {
      drawShape(shape, colour(shape.scene.date, 1), 0.16, 1.3, []);
      if (shape.scene.missing) drawShape(shape, value("--bad"), 0, 2, [3, 3]);
    }
  }
  for (const [shape, alpha, thick] of [[hovered, 0, 2.2], [selected && shapeOf.get(selected), 0.3, 3.2]]) {
    if (shape && isShown.get(shape.scene.date)) drawShape(shape, colour(shape.scene.date, 1), alpha, thick, []);
  }
  drawScale(value("--ink"), value("--panel"));
}

function drawCoast(coast, ink) {
  pen.strokeStyle = ink; pen.lineWidth = 0.8; pen.globalAlpha = 0.7;
  for (const turn of turnsOf(coast.box)) {
    pen.beginPath();
    for (const line of coast.lines) trace(line, turn, true);
    pen.stroke();
  }
  pen.globalAlpha = 1;
}
function drawShape(shape, ink, alpha, thick, dash) {
  for (const turn of turnsOf(shape.box)) {
    const [x0, y0] = toScreen(shape.box[0], shape.box[1], turn), [x1, y1] = toScreen(shape.box[2], shape.box[3], turn);
    if (x1 < 0 || y1 < 0 || x0 > width || y0 > height) continue;
    pen.fillStyle = pen.strokeStyle = ink; pen.lineWidth = thick; pen.setLineDash(dash);
    if (Math.max(x1 - x0, y1 - y0) < SMALL_PX) {
      pen.beginPath(); pen.arc((x0 + x1) / 2, (y0 + y1) / 2, SMALL_PX / 2 + thick - 1, 0, 7); pen.globalAlpha = 0.8; pen.fill();
    } else {
      pen.beginPath();
      for (const line of shape.lines) trace(line, turn, false);
      pen.globalAlpha = alpha; pen.fill("evenodd");
      pen.beginPath();
      for (const line of shape.lines) trace(line, turn, true);
      pen.globalAlpha = 1; pen.stroke();
    }
    pen.globalAlpha = 1; pen.setLineDash([]);
  }
}
function trace(line, turn, isOutline) {
  let isDown = false;
  for (let i = 0; i <= line.length; i++) {
    const [x, y] = line[i % line.length], [px, py] = toScreen(x, y, turn);
    if (isDown) pen.lineTo(px, py); else pen.moveTo(px, py);
    isDown = !isOutline || line[i % line.length][2];
  }
}

const STEPS = [60, 30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01];
function drawGraticule(line, ink) {
  const perDegree = view.scale / TURN;
  const step = STEPS.filter((s) => s * perDegree >= 70).pop() || STEPS[0];
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  pen.strokeStyle = line; pen.fillStyle = ink; pen.lineWidth = 1; pen.font = "11px system-ui, sans-serif";
  if (projection.turns) flatGraticule(step, digits); else roundGraticule(step, digits);
}
function flatGraticule(step, digits) {
  const [west, north] = projection.unproject(...toPlane(0, 0)), [east, south] = projection.unproject(...toPlane(width, height));
  pen.textAlign = "center";
  for (let lon = Math.ceil(west / step) * step; lon <= east; lon += step) {
    const [px] = toScreen(projection.project(lon, 0)[0], 0, 0);
    stroke([[px, 0], [px, height]]);
    pen.fillText(degrees(wrapped(lon), "E", "W", digits), px, 12);
  }
  pen.textAlign = "right";
  for (let lat = Math.ceil(Math.max(south, -85) / step) * step; lat <= Math.min(north, 85); lat += step) {
    const [, py] = toScreen(0, projection.project(0, lat)[1], 0);
    stroke([[0, py], [width, py]]);
    pen.fillText(degrees(lat, "N", "S", digits), width - 6, py - 3);
  }
}
function roundGraticule(step, digits) {
  const [midLon, midLat] = projection.unproject(view.x, view.y);
  const onScreen = (lon, lat) => toScreen(...projection.project(lon, lat), 0);
  // Where the meridians meet there is no room for their names.
  const named = Math.max(90 - projection.sign * midLat, Math.min(width, height) * 0.4 * TURN / view.scale);
  const turn = STEPS.find((s) => s * 2 * RAD * named * view.scale / TURN < 200) || STEPS[STEPS.length - 1];
  pen.textAlign = "center";
  for (let lon = -180; lon < 180; lon += turn) {
    stroke([onScreen(lon, projection.sign * 89.5), onScreen(lon, 0)]);
    const [px, py] = onScreen(lon, projection.sign * (90 - named));
    pen.fillText(degrees(wrapped(lon), "E", "W", digits), px, py - 3);
  }
  for (let lat = 0; lat < 90; lat += step) {
    const points = [];
    for (let lon = -180; lon <= 180; lon += 3) points.push(onScreen(lon, projection.sign * lat));
    stroke(points);
    const [px, py] = onScreen(midLon, projection.sign * lat);
    pen.fillText(degrees(projection.sign * lat, "N", "S", digits), px, py - 3);
  }
}
function stroke(points) {
  pen.beginPath();
  points.forEach(([px, py], i) => (i ? pen.lineTo(px, py) : pen.moveTo(px, py)));
  pen.stroke();
}

function drawScale(ink, ground) {
  const [, lat] = projection.unproject(view.x, view.y);
  const kmPerPx = 40075 / view.scale * (projection.turns ? Math.cos(lat * RAD) : 1);
  const most = kmPerPx * 130, power = 10 ** Math.floor(Math.log10(most));
  const km = [5, 2, 1].map((n) => n * power).find((n) => n <= most), length = km / kmPerPx;
  const x = width / 2 - length / 2, y = height - 10;
  pen.fillStyle = ground; pen.globalAlpha = 0.85; pen.fillRect(x - 6, y - 17, length + 12, 24); pen.globalAlpha = 1;
  pen.strokeStyle = pen.fillStyle = ink; pen.lineWidth = 1.5; pen.textAlign = "center";
  stroke([[x, y - 4], [x, y], [x + length, y], [x + length, y - 4]]);
  pen.fillText(km >= 1 ? `${km} km` : `${Math.round(km * 1000)} m`, width / 2, y - 5);
}

// --- tiles, only where the page was made with them -------------------------------------

const tiles = new Map();
const MAX_TILES = 400;       // kept; a screen needs some dozens
function drawTiles() {
  if (!data.tiles || !projection.turns) return;
  const zoom = Math.max(0, Math.min(19, Math.round(Math.log2(view.scale / 256)))), count = 2 ** zoom;
  const [x0, y0] = toPlane(0, 0), [x1, y1] = toPlane(width, height);
  for (let y = Math.max(0, Math.floor(y0 * count)); y <= Math.min(count - 1, Math.floor(y1 * count)); y++) {
    for (let x = Math.floor(x0 * count); x <= Math.floor(x1 * count); x++) {
      const image = tile(zoom, ((x % count) + count) % count, y);
      if (!image.complete || !image.naturalWidth) continue;
      const [px, py] = toScreen(x / count, y / count, 0), size = view.scale / count;
      pen.drawImage(image, px, py, size + 0.5, size + 0.5);
    }
  }
}
function tile(z, x, y) {
  const key = `${z}/${x}/${y}`;
  if (!tiles.has(key)) {
    if (tiles.size >= MAX_TILES) tiles.delete(tiles.keys().next().value);
    const address = data.tiles.replaceAll("{z}", z).replaceAll("{x}", x).replaceAll("{y}", y);
    tiles.set(key, make("img", { onload: redraw, src: address }));
  }
  return tiles.get(key);
}

// --- finding what is under the pointer -------------------------------------------------

function isInside(lines, x, y) {
  let inside = false;
  for (const line of lines) {
    for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
      const [xi, yi] = line[i], [xj, yj] = line[j];
      if ((yi > y) !== (yj > y) && x < xi + (y - yi) * (xj - xi) / (yj - yi)) inside = !inside;
    }
  }
  return inside;
}
function shapesAt(px, py) {
  const [x, y] = toPlane(px, py), near = SMALL_PX / view.scale;
  return shapes.filter((shape) => shape.scene && isShown.get(shape.scene.date) && turnsOf(shape.box).some((turn) => {
    const [x0, y0, x1, y1] = shape.box, at = x - turn;
    if (at < x0 - near || at > x1 + near || y < y0 - near || y > y1 + near) return false;
    return Math.max(x1 - x0, y1 - y0) * view.scale < SMALL_PX || isInside(shape.lines, at, y);
  })).reverse();
}

// --- the card of a scene ---------------------------------------------------------------

const card = make("div", { className: "card", hidden: true });
card.setAttribute("aria-live", "polite");
function select(scene) {
  selected = scene;
  card.hidden = !scene;
  card.replaceChildren(...(scene ? cardOf(scene) : []));
  redraw();
}
const missingFiles = (scene) => `${scene.missing} ${scene.missing === 1 ? "file" : "files"}`;
function cardOf(scene) {
  const facts = [
    ["Acquired", scene.date || "unknown"],
    ["Cloud", scene.cloud === null ? "unknown" : `${scene.cloud} %`],
    ["Path / row", scene.path === null ? null : `${scene.path} / ${scene.row}`],
    ["Missing", scene.missing ? missingFiles(scene) : ""],
    ["Product", scene.product],
    ["Scene", scene.entity],
  ].filter(([, value]) => value !== null && value !== "");
  const list = make("dl", {}, ...facts.flatMap(([name, value]) =>
    [make("dt", { textContent: name }), make("dd", { textContent: value, className: value.includes("_") ? "name" : "" })]));
  const close = make("button", { className: "close", textContent: "×", title: "Close", onclick: () => select(null) });
  const others = under.length > 1 && under.includes(scene)
    ? make("p", {}, make("span", { className: "faint", textContent: `${under.indexOf(scene) + 1} of ${under.length} scenes here ` }),
        make("button", { textContent: "Next", onclick: () => select(under[(under.indexOf(scene) + 1) % under.length]) }))
    : null;
  return [close, make("b", { textContent: scene.date || "Scene" }), list, ...pictureOf(scene), others].filter(Boolean);
}
// Nothing is fetched from USGS before a click.
function pictureOf(scene) {
  if (!scene.browse) return [];
  const link = make("a", { href: scene.browse, target: "_blank", rel: "noopener noreferrer", textContent: `Browse picture at ${scene.place}` });
  if (!scene.isPicture) return [link];
  const show = make("button", { textContent: "Show the browse picture", className: "show" });
  show.onclick = () => show.replaceWith(make("img", {
    alt: `Browse picture of ${scene.product}`, referrerPolicy: "no-referrer", src: scene.browse,
    onerror() { this.replaceWith(make("p", { className: "faint", textContent: "The picture could not be loaded." })); },
  }));
  return [show, make("div", {}, link)];
}

// --- the list and the layers -------------------------------------------------------------

const list = make("ul", { className: "scenes" }), listHead = make("h3", {});
const ORDERS = {
  date: ["by date", (a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0)],
  cloud: ["by cloud", (a, b) => (a.cloud ?? 101) - (b.cloud ?? 101)],
  product: ["by id", (a, b) => (idOf(a) < idOf(b) ? -1 : 1)],
};
if (data.scenes.some((scene) => scene.missing)) ORDERS.missing = ["by missing files", (a, b) => b.missing - a.missing];
const idOf = (scene) => scene.product || scene.entity;
const order = make("select", { title: "Order", onchange: () => { data.scenes.sort(ORDERS[order.value][1]); listScenes(); } },
  ...Object.entries(ORDERS).map(([key, [name]]) => make("option", { value: key, textContent: name })));
data.scenes.sort(ORDERS.date[1]);
const visibleScenes = () => data.scenes.filter((scene) => isShown.get(scene.date) && isInView(shapeOf.get(scene)));
function listScenes() {
  const visible = visibleScenes();
  listHead.textContent = `Scenes in view: ${visible.length}`;
  list.replaceChildren(...visible.slice(0, MAX_LISTED).map(itemOf));
  if (visible.length > MAX_LISTED) list.append(make("li", { className: "faint", textContent: `… and ${visible.length - MAX_LISTED} more` }));
  showChosen();
}
function itemOf(scene) {
  const box = make("input", { type: "checkbox", checked: chosen.has(scene), title: "Choose it",
    onchange: () => { if (box.checked) chosen.add(scene); else chosen.delete(scene); showChosen(); } });
  const facts = [scene.date || "no date", scene.cloud === null ? "cloud ?" : `${Math.round(scene.cloud)} % cloud`];
  const button = make("button", { onclick: () => { under = [scene]; select(scene); } },
    make("span", { textContent: facts.join(" · ") }),
    scene.missing ? make("span", { className: "bad", textContent: ` · ${missingFiles(scene)} missing` }) : null,
    make("span", { className: "name", textContent: idOf(scene) }));
  if (scene === selected) button.setAttribute("aria-current", "true");
  return make("li", {}, box, button);
}

// --- choosing scenes, to copy their ids as `search.scenes` and `scenes_file` take them ---------

const chosen = new Set();
const ids = make("textarea", { readOnly: true, rows: 4, spellcheck: false, hidden: true, title: "Ids of the chosen scenes" });
const copy = make("button", { textContent: "Copy ids", disabled: true, onclick: () => {
  ids.focus(); ids.select();
  copy.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";  // the other way needs a secure page
} });
function showChosen() {
  ids.value = data.scenes.filter((scene) => chosen.has(scene)).map(idOf).join("\n");
  ids.hidden = copy.disabled = !chosen.size;
  copy.textContent = chosen.size ? `Copy ${chosen.size} ${chosen.size === 1 ? "id" : "ids"}` : "Copy ids";
}
const choose = (text, change) => make("button", { textContent: text, onclick: () => { change(); listScenes(); } });
const chooser = make("div", { className: "chooser" },
  order,
  choose("Choose all", () => visibleScenes().forEach((scene) => chosen.add(scene))),
  choose("None", () => chosen.clear()), copy, ids);
function isInView(shape) {
  if (!shape) return true;
  const [x0, y0] = toPlane(0, 0), [x1, y1] = toPlane(width, height), box = shape.box;
  return box[3] >= y0 && box[1] <= y1 && turnsOf(box).some((turn) => box[2] + turn >= x0 && box[0] + turn <= x1);
}
function layersOf() {
  if (!dates.length) return [];
  const counts = new Map();
  for (const scene of data.scenes) counts.set(scene.date, (counts.get(scene.date) || 0) + 1);
  const boxes = dates.map((date) => {
    const box = make("input", { type: "checkbox", checked: true, onchange: () => {
      isShown.set(date, box.checked);
      if (selected && selected.date === date && !box.checked) select(null);
      redraw();
    } });
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = colour(date, 1);
    return [box, make("label", {}, box, swatch, make("span", { textContent: date || "no date" }),
      make("span", { className: "count", textContent: counts.get(date) }))];
  });
  const all = (checked) => make("button", { textContent: checked ? "All" : "None", onclick: () =>
    boxes.forEach(([box]) => { box.checked = checked; box.onchange(); }) });
  return [make("h3", { textContent: "Acquired on" }), ...boxes.map(([, label]) => label),
    dates.length > 1 ? make("div", {}, all(true), " ", all(false)) : null].filter(Boolean);
}

// --- putting it together -------------------------------------------------------------------

const where = make("div", { className: "where", textContent: "" });
const choice = make("select", { title: "Projection", onchange: () => { projection = PROJECTIONS[choice.value]; [...coasts, ...shapes].forEach(place); fit(); } },
  ...Object.entries(PROJECTIONS).map(([key, { name }]) => make("option", { value: key, textContent: name, selected: key === data.projection })));
const ground = make("div", { className: "ground" }, canvas,
  make("div", { className: "tools" },
    make("button", { textContent: "+", title: "Closer", onclick: () => zoomTo(view.scale * 2) }),
    make("button", { textContent: "−", title: "Farther", onclick: () => zoomTo(view.scale / 2) }),
    make("button", { textContent: "⤢", title: "Show everything", onclick: () => fit() }), choice),
  where, data.credit ? make("div", { className: "credit", textContent: data.credit }) : null, card);
frame.replaceChildren(ground, make("div", { className: "side" }, ...layersOf(), listHead, data.scenes.length ? chooser : null, list));

const pointers = new Map();
let moved = 0;
const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId); pointers.set(event.pointerId, at(event)); moved = 0; canvas.classList.add("moving");
});
canvas.addEventListener("pointermove", (event) => {
  const now = at(event), before = pointers.get(event.pointerId);
  if (!before) return hover(now);
  const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
  if (others.length) {
    const spread = (point) => Math.hypot(point[0] - others[0][0], point[1] - others[0][1]) || 1;
    zoomTo(view.scale * spread(now) / spread(before), ...others[0]);
  } else {
    view.x -= (now[0] - before[0]) / view.scale; view.y -= (now[1] - before[1]) / view.scale; redraw();
  }
  moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
  pointers.set(event.pointerId, now);
});
for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => {
  pointers.delete(event.pointerId); canvas.classList.remove("moving");
  if (kind === "pointerup" && moved < 4) pick(at(event));
});
canvas.addEventListener("wheel", (event) => {
  event.preventDefault(); zoomTo(view.scale * 2 ** (-event.deltaY / 300), ...at(event));
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] || [0, 0];
  if (dx || dy) { event.preventDefault(); view.x += dx * 60 / view.scale; view.y += dy * 60 / view.scale; redraw(); }
  if (event.key === "+") zoomTo(view.scale * 2);
  if (event.key === "-") zoomTo(view.scale / 2);
  if (event.key === "Escape") select(null);
});
function hover(point) {
  const [lon, lat] = projection.unproject(...toPlane(...point));
  where.textContent = Math.abs(lat) <= 90 ? `${degrees(lat, "N", "S", 3)}, ${degrees(wrapped(lon), "E", "W", 3)}` : "";
  const found = shapesAt(...point)[0] || null;
  canvas.classList.toggle("over", Boolean(found));
  if (found !== hovered) { hovered = found; redraw(); }
}
function pick(point) {
  const found = shapesAt(...point).map((shape) => shape.scene);
  const isSame = found.length === under.length && found.every((scene, i) => scene === under[i]);
  under = found;
  select(isSame && selected ? found[(found.indexOf(selected) + 1) % found.length] : found[0] || null);
}

// Where a position is drawn, for tests and scripts.
canvas.placeOf = (lon, lat) => toScreen(...projection.project(lon, lat), projection.turns
  ? Math.round(view.x - projection.project(lon, lat)[0]) : 0);

[...coasts, ...shapes].forEach(place);
let isFirst = true;
new ResizeObserver(() => {
  width = canvas.clientWidth; height = canvas.clientHeight;
  if (isFirst && width && height) { isFirst = false; fit(); } else redraw();
}).observe(ground);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
