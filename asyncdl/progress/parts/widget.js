// Draws a run from the numbers and texts of its state. Text is set as text: nothing of it acts.

function piece(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null));
  return made;
}

function bar(share, label) {
  const made = piece("div", "bar");
  made.setAttribute("role", "progressbar");
  made.setAttribute("aria-label", label);
  const full = piece("div", share === null ? "full unknown" : "full");
  if (share !== null) {
    const percent = Math.round(100 * share);
    full.style.width = `${percent}%`;
    made.setAttribute("aria-valuenow", String(percent));
  }
  made.append(full);
  return made;
}

function line(texts, className) {
  return texts.length ? piece("div", className, texts.join(" · ")) : null;
}

// Names of one scene differ in how they end, which is what stays where there is little room.
const END = 14;

function fileName(name) {
  const made = piece("span", "name",
    piece("span", "start", name.slice(0, -END)), piece("span", "", name.slice(-END)));
  made.title = name;
  return made;
}

function fileRow(file) {
  const middle = file.note ? piece("span", "note", file.note) : bar(file.share, file.name);
  return piece("div", "file", fileName(file.name), middle,
    piece("span", "number", file.sizes), piece("span", "number", file.rate));
}

function draw(state, root) {
  if (!state.totals) return;
  const percent = state.share === null ? null : `${Math.round(100 * state.share)} %`;
  const rows = state.files.map(fileRow);
  root.replaceChildren(...[
    line(state.totals, "totals"),
    piece("div", "total", bar(state.share, "all files"), piece("span", "number", percent ?? "")),
    line(state.speed, "faint"),
    ...rows,
    state.more ? piece("div", "faint", `… and ${state.more} more`) : null,
    line(state.preparation, "faint"),
    ...state.delays.map((text) => piece("div", "wait", text)),
    ...state.notices.map((text) => piece("div", "notice", text)),
    state.status ? piece("div", `status ${state.status}`, state.status) : null,
  ].filter((part) => part !== null));
}

function render({ model, el }) {
  const root = piece("div", "asyncdl-run");
  el.append(root);
  const update = () => draw(model.get("state"), root);
  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
