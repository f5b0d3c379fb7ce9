// Decompresses the data blocks of the page and draws them; no network is used.
(async () => {
  const {element, whole, percent, shortened, bars, lines, spark, csv} = parts;
  const $ = (id) => document.getElementById(id);
  const NOISE_COLOR = "#b4b4b4";
  const CATEGORIES = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377",
    "#ee8866", "#44bb99", "#99ddff", "#bbcc33"];
  const RAMP = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const MAX_HITS = 200;
  const MAX_FAR = 30;
  const NEIGHBORS = "neighbors lie together; distances between clusters mean little.";
  const METHODS = {
    tsne: ["t-SNE", "t-SNE: " + NEIGHBORS],
    umap: ["UMAP", "UMAP: " + NEIGHBORS],
    pca: ["PCA", "PCA: the two directions of most variance; clusters overlap."],
  };

  async function unpacked(id) {
    const binary = atob($(id).textContent.trim());
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }
  const json = (buffer) => JSON.parse(new TextDecoder().decode(buffer));

  let data, texts, points;
  try {
    data = json(await unpacked("data"));
    texts = json(await unpacked("texts"));
    points = new DataView(await unpacked("points"));
  } catch (error) {
    $("problem").hidden = false;
    $("problem").textContent = "This browser cannot decompress the report (" + error +
      "). It needs DecompressionStream: Chrome 80, Firefox 113, Safari 16.4 or newer.";
    return;
  }

  // ---- the data ------------------------------------------------------------------
  const {clusters, classes, periods} = data;
  const n = texts.length;
  let offset = 0;
  function numbers() {
    const column = new Uint16Array(n);
    for (let i = 0; i < n; i++) column[i] = points.getUint16(offset + 2 * i, true);
    offset += 2 * n;
    return column;
  }
  const clusterOf = numbers();
  const rowOf = data.rows;
  const classOf = classes ? numbers() : null;
  const views = data.projections.map((method) => {
    const [name, note] = METHODS[method];
    return {name, note, x: numbers(), y: numbers()};
  });
  const nodeOf = data.layers.map(numbers);  // the place of each point in each layer
  const columnCodes = data.columns.map(numbers);
  const members = clusters.map(() => []);
  for (let i = 0; i < n; i++) members[clusterOf[i]].push(i);
  const noise = clusters.findIndex((cluster) => cluster.id === -1);
  const layers = data.layers.map((found, layer) => {
    const nodes = found.map((node, k) => ({...node, layer, place: k, children: [], rows: []}));
    for (let i = 0; i < n; i++) nodes[nodeOf[layer][i]]?.rows.push(i);
    return nodes;
  });
  for (const nodes of layers.slice(1)) {
    for (const node of nodes) {
      const above = layers[node.layer - 1];
      node.up = above.find((other) => other.id === node.parent);
      node.up?.children.push(node);
    }
  }
  const noiseNode = noise < 0 ? null : {...clusters[noise], id: -1, name: "noise",
    layer: data.layer, children: [], rows: members[noise]};
  const nodeOfCluster = (c) => c === noise ? noiseNode :
    layers[data.layer].find((node) => node.id === clusters[c].id);
  const lowered = texts.map((text) => text.toLowerCase());
  const colorOf = (cluster) => clusters[cluster].color || NOISE_COLOR;
  const dotOf = (color) => {
    const dot = element("span", {className: "swatch"});
    dot.style.background = color || NOISE_COLOR;
    return dot;
  };
  const swatch = (cluster) => dotOf(colorOf(cluster));

  // ---- what the points are colored by ----------------------------------------------
  function ramp(share) {
    const at = share * (RAMP.length - 1), low = Math.min(Math.floor(at), RAMP.length - 2);
    const mixed = RAMP[low].map((value, k) =>
      Math.round(value + (at - low) * (RAMP[low + 1][k] - value)));
    return "rgb(" + mixed.join(" ") + ")";
  }
  function palette({values, ordered}, codes) {
    if (ordered) return values.map((_, k) => ramp(values.length > 1 ? k / (values.length - 1) : 0));
    const counts = values.map(() => 0);
    for (let i = 0; i < n; i++) if (codes[i] < values.length) counts[codes[i]]++;
    const byCount = values.map((_, k) => k).sort((a, b) => counts[b] - counts[a] || a - b);
    const colors = values.map(() => "#8c8c8c");
    CATEGORIES.forEach((color, k) => { if (k < byCount.length) colors[byCount[k]] = color; });
    return colors;
  }
  const colorings = layers.map((nodes, layer) => ({
    title: layer === data.layer ? "cluster" : "layer " + layer + " (" +
      whole(nodes.length) + " clusters)",
    colors: nodes.map((node) => node.color), codes: nodeOf[layer], legend: null}));
  const ownColoring = colorings.splice(data.layer, 1)[0];
  colorings.unshift(ownColoring);
  const attributes = [
    ...(classes ? [[{name: "class", values: classes, ordered: false}, classOf]] : []),
    ...data.columns.map((column, k) => [column, columnCodes[k]])];
  for (const [column, codes] of attributes) {
    const colors = palette(column, codes);
    colorings.push({title: column.name, colors, codes, legend: column});
  }
  let coloring = colorings[0];

  // ---- the map -------------------------------------------------------------------
  const canvas = $("map"), page = canvas.getContext("2d");
  const still = document.createElement("canvas"), stillPen = still.getContext("2d");
  let pen = page;
  let lasso = [];        // corners of the lasso while it is drawn
  const EDGE = 65535;
  let view = views[0], places = [];
  let zoom = 1, center = [EDGE / 2, EDGE / 2];
  let marked = null;     // Set of points that the search, a node or the lasso leaves
  let chosen = null;     // the selected node of the tree
  let lassoed = null;    // the points within the lasso
  let listed = [];       // the points that the panel lists
  let pointed = -1;      // the point under the pointer
  let width = 0, height = 0, waiting = false;

  // The map may be stretched by 1.4 to fill its frame: axes and angles mean nothing.
  let scaleX = 1, scaleY = 1;
  function rescale() {
    const [x, y] = [zoom * (width - 60) / EDGE, zoom * (height - 60) / EDGE];
    scaleX = Math.min(x, 1.4 * y);
    scaleY = Math.min(y, 1.4 * x);
  }
  const screenX = (x) => width / 2 + (x - center[0]) * scaleX;
  const screenY = (y) => height / 2 - (y - center[1]) * scaleY;

  function placeOf(rows) {
    if (!rows.length) return null;
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    const x = middle(rows.map((i) => view.x[i])), y = middle(rows.map((i) => view.y[i]));
    let best = rows[0], least = Infinity;
    for (const i of rows) {
      const far = (view.x[i] - x) ** 2 + (view.y[i] - y) ** 2;
      if (far < least) { least = far; best = i; }
    }
    const spread = middle(rows.map((i) => Math.abs(view.y[i] - y)));
    return [view.x[best], view.y[best], spread];
  }
  // A broad name stands at the largest part of its cluster, which may be scattered.
  function measurePlaces() {
    places = [];
    for (const nodes of [...layers].reverse()) {
      places.unshift(nodes.map((node) => {
        if (!node.children.length) return placeOf(node.rows);
        const largest = node.children.reduce((a, b) =>
          b.rows.length > a.rows.length ? b : a);
        return places[0][largest.place];
      }));
    }
  }

  function resize() {
    const ratio = window.devicePixelRatio || 1;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    still.width = canvas.width;
    still.height = canvas.height;
    for (const one of [page, stillPen]) one.setTransform(ratio, 0, 0, ratio, 0, 0);
    rescale();
    draw();
  }

  // All but the point under the pointer is painted once, and copied after that.
  let stale = true;
  function draw(all = true) {
    stale ||= all;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(render);
  }
  function render() {
    waiting = false;
    if (stale) { pen = stillPen; paint(); stale = false; pen = page; }
    page.save();
    page.setTransform(1, 0, 0, 1, 0, 0);
    page.clearRect(0, 0, canvas.width, canvas.height);
    page.drawImage(still, 0, 0);
    page.restore();
    ring();
  }
  const radiusOf = () =>
    Math.min(Math.min(4, Math.max(1.2, 170 / Math.sqrt(n))) * Math.sqrt(zoom), 5);
  function ring() {
    page.strokeStyle = page.fillStyle = style("--ink");
    if (pointed >= 0) {
      page.beginPath();
      page.arc(screenX(view.x[pointed]), screenY(view.y[pointed]), radiusOf() + 4, 0, 7);
      page.lineWidth = 2;
      page.stroke();
    }
    if (lasso.length > 1) {
      page.beginPath();
      lasso.forEach(([x, y]) => page.lineTo(x, y));
      page.closePath();
      page.lineWidth = 1.5;
      page.setLineDash([5, 4]);
      page.stroke();
      page.setLineDash([]);
      page.globalAlpha = .08;
      page.fill();
      page.globalAlpha = 1;
    }
  }
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

  function dot(i, radius) {
    const x = screenX(view.x[i]), y = screenY(view.y[i]);
    if (x < -9 || y < -9 || x > width + 9 || y > height + 9) return;
    if (radius < 1.6) {
      pen.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    } else {
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fill();
    }
  }

  function paint() {
    pen.clearRect(0, 0, width, height);
    const radius = radiusOf(), faint = style("--faint");
    const {colors, codes} = coloring;
    const groups = colors.map(() => []);
    const rest = [];
    const noiseShown = $("show-noise").checked;
    for (let i = 0; i < n; i++) {
      if (clusterOf[i] === noise && !noiseShown) continue;
      (groups[codes[i]] || rest).push(i);
    }
    for (const lit of marked ? [false, true] : [true]) {
      [rest, ...groups].forEach((rows, k) => {
        pen.fillStyle = !lit ? faint : k ? colors[k - 1] : NOISE_COLOR;
        pen.globalAlpha = !lit ? 1 : k ? 0.8 : 0.6;
        for (const i of rows) {
          if (!marked || marked.has(i) === lit) dot(i, marked && lit ? radius + .8 : radius);
        }
      });
    }
    pen.globalAlpha = 1;
    writeNames();
  }

  // Broad names far away, fine ones near: a layer finer for each doubling of the scale.
  function shownLayer() {
    const wanted = $("names").value;
    if (wanted !== "zoom") return Number(wanted);
    const depth = Math.floor(Math.log2(Math.max(zoom, 1) * 1.2));
    return Math.max(0, Math.min(layers.length - 1, depth));
  }

  function writeNames() {
    const layer = shownLayer(), taken = [];
    const isChosen = (node) => chosen && node.layer === chosen.layer && node.id === chosen.id;
    const nodes = [...layers[layer]], last = layers.length - 1;
    // where there is room, finer names stand between the broader ones: from afar those of
    // the clusters that have the colors, or of the finest layer that has few
    let finer = zoom > 1.4 ? last : data.layer;
    while (zoom <= 1.4 && finer > 0 && layers[finer].length > MAX_FAR) finer--;
    if (layer < finer && $("names").value === "zoom") nodes.push(...layers[finer]);
    if (chosen && chosen.layer !== layer && chosen.id !== -1) nodes.push(chosen);
    const shown = nodes.filter((node) => places[node.layer][node.place])
      .sort((a, b) => isChosen(b) - isChosen(a) || a.layer - b.layer ||
        b.rows.length - a.rows.length);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const node of shown) {
      const [px, py, spread] = places[node.layer][node.place];
      // a broad name stands a line above that of its largest part, which keeps its place
      const above = layer < finer && node.layer === layer && node.children.length ? 19 : 0;
      const x = screenX(px), y = screenY(py) - above - (spread * scaleY < 12 ? 13 : 0);
      if (x < 0 || y < 0 || x > width || y > height) continue;
      const isFiller = node.layer > layer, size = layer === last || isFiller ? 12 : 14;
      pen.font = (isFiller ? "" : "600 ") + size + "px system-ui, sans-serif";
      const name = shortened(node.name, 34);
      const half = pen.measureText(name).width / 2 + 6;
      if (2 * half > width) continue;
      const box = [Math.min(Math.max(x, half), width - half),
        Math.min(Math.max(y, 12), height - 12)];
      const free = taken.every(([tx, ty, th]) =>
        Math.abs(tx - box[0]) > th + half || Math.abs(ty - box[1]) > size + 4);
      if (!free) continue;
      taken.push([...box, half]);
      pen.globalAlpha = chosen && !isChosen(node) ? 0.35 : 1;
      pen.lineWidth = 4;
      pen.strokeStyle = style("--halo");
      pen.strokeText(name, ...box);
      pen.fillStyle = style("--ink");
      pen.fillText(name, ...box);
    }
    pen.globalAlpha = 1;
    canvas.dataset.layer = layer;
    canvas.dataset.names = JSON.stringify(taken);
    $("depth").textContent = layers.length < 2 ? "" :
      "Names of layer " + layer + " in bold (0 is the broadest, " + last + " the finest): " +
      whole(layers[layer].length) + " clusters.";
  }

  function nearest(x, y) {
    let best = -1, least = 14 ** 2;
    const noiseShown = $("show-noise").checked;
    for (let i = 0; i < n; i++) {
      if (marked && !marked.has(i)) continue;
      if (!noiseShown && clusterOf[i] === noise) continue;
      const far = (screenX(view.x[i]) - x) ** 2 + (screenY(view.y[i]) - y) ** 2;
      if (far < least) { least = far; best = i; }
    }
    return best;
  }

  function point(i) {
    if (i !== pointed) { pointed = i; draw(false); }
    const tip = $("tip");
    tip.hidden = i < 0;
    if (i < 0) return;
    const c = clusterOf[i], notes = ["row " + whole(rowOf ? rowOf[i] : i)];
    for (const [{name, values}, codes] of attributes) {
      if (codes[i] < values.length) notes.push(name + " " + values[codes[i]]);
    }
    tip.replaceChildren(
      element("div", {className: "name"}, swatch(c), labelOf(c)),
      element("div", {dir: "auto"}, texts[i] || "(empty text)"),
      element("div", {className: "row"}, notes.join(" · ")));
    const x = screenX(view.x[i]), y = screenY(view.y[i]);
    const wide = tip.offsetWidth, high = tip.offsetHeight;
    tip.style.left = Math.max(2, Math.min(x + 12, width - wide - 2)) + "px";
    tip.style.top = (y + 16 + high < height ? y + 14 : Math.max(2, y - high - 12)) + "px";
  }
  const labelOf = (c) => c === noise ? "noise" : clusters[c].id + "  " + clusters[c].name;

  function zoomAt(factor, x = width / 2, y = height / 2) {
    const before = [(x - width / 2) / scaleX, (y - height / 2) / scaleY];
    zoom = Math.min(80, Math.max(0.7, zoom * factor));
    rescale();
    center[0] += before[0] - (x - width / 2) / scaleX;
    center[1] -= before[1] - (y - height / 2) / scaleY;
    point(-1);
    draw();
  }
  // Zooming by a button or a key into an empty place goes on at the nearest point.
  function zoomIn() {
    zoomAt(1.5);
    let best = -1, least = Infinity;
    for (let i = 0; i < n; i++) {
      if (clusterOf[i] === noise && !$("show-noise").checked) continue;
      const x = screenX(view.x[i]) - width / 2, y = screenY(view.y[i]) - height / 2;
      if (Math.abs(x) < width / 2 && Math.abs(y) < height / 2) return;
      if (x * x + y * y < least) { least = x * x + y * y; best = i; }
    }
    if (best >= 0) center = [view.x[best], view.y[best]];
  }
  function showAll() {
    zoom = 1;
    rescale();
    center = [EDGE / 2, EDGE / 2];
    point(-1);
    draw();
  }

  const held = new Map();  // pointers that are down
  let moved = false;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left - canvas.clientLeft,
      event.clientY - box.top - canvas.clientTop];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, at(event));
    moved = false;
    if (lassoMode() || event.shiftKey) lasso = [at(event)];
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = at(event), before = held.get(event.pointerId);
    if (!before) { point(nearest(...now)); return; }
    if (Math.hypot(now[0] - before[0], now[1] - before[1]) < 3 && !moved) return;
    moved = true;
    if (lasso.length) {
      lasso.push(now);
      draw(false);
    } else if (held.size === 2) {
      const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      const far = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
      zoomAt(far(now) / Math.max(far(before), 1),
        (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      center[0] -= (now[0] - before[0]) / scaleX;
      center[1] += (now[1] - before[1]) / scaleY;
      point(-1);
      draw();
    }
    held.set(event.pointerId, now);
  });
  canvas.addEventListener("pointerup", (event) => {
    held.delete(event.pointerId);
    const corners = lasso;
    lasso = [];
    if (corners.length > 2) select((x, y) => inside(x, y, corners));
    else if (!moved) point(nearest(...at(event)));
  });
  canvas.addEventListener("pointercancel", (event) => {
    held.delete(event.pointerId);
    lasso = [];
    draw(false);
  });
  const lassoMode = () => $("lasso").getAttribute("aria-pressed") === "true";
  $("lasso").addEventListener("click", () =>
    $("lasso").setAttribute("aria-pressed", String(!lassoMode())));
  $("in-view").addEventListener("click", () =>
    select((x, y) => x >= 0 && y >= 0 && x <= width && y <= height));
  function inside(x, y, corners) {
    let within = false;
    for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
      const [xi, yi] = corners[i], [xj, yj] = corners[j];
      if (yi > y !== yj > y && x < (xj - xi) * (y - yi) / (yj - yi) + xi) within = !within;
    }
    return within;
  }
  function select(isWithin) {
    const noiseShown = $("show-noise").checked;
    lassoed = [];
    for (let i = 0; i < n; i++) {
      if (clusterOf[i] === noise && !noiseShown) continue;
      if (isWithin(screenX(view.x[i]), screenY(view.y[i]))) lassoed.push(i);
    }
    look();
  }
  canvas.addEventListener("pointerleave", () => { if (!held.size) point(-1); });
  canvas.addEventListener("dblclick", (event) => zoomAt(2, ...at(event)));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.03 : 0.0015)), ...at(event));
  }, {passive: false});
  canvas.addEventListener("keydown", (event) => {
    const moves = {ArrowLeft: [-60 / scaleX, 0], ArrowRight: [60 / scaleX, 0],
      ArrowUp: [0, 60 / scaleY], ArrowDown: [0, -60 / scaleY]};
    if (moves[event.key]) {
      center = center.map((value, axis) => value + moves[event.key][axis]);
      point(-1);
      draw();
    } else if (event.key === "+" || event.key === "=") zoomIn();
    else if (event.key === "-") zoomAt(1 / 1.5);
    else if (event.key === "0") showAll();
    else return;
    event.preventDefault();
  });
  $("zoom-in").addEventListener("click", zoomIn);
  $("zoom-out").addEventListener("click", () => zoomAt(1 / 1.5));
  $("reset").addEventListener("click", showAll);
  $("show-noise").addEventListener("change", () => { point(-1); draw(); });
  $("noise-control").hidden = noise < 0;
  const option = (value, textContent) => element("option", {value, textContent});
  $("names").append(option("zoom", "by zoom"), ...layers.map((nodes, layer) =>
    option(String(layer), "layer " + layer + " (" + whole(nodes.length) + ")")));
  $("names").parentElement.hidden = layers.length < 2;
  $("names").addEventListener("change", () => draw());
  $("color-by").append(...colorings.map(({title}, k) => option(String(k), title)));
  $("color-by").parentElement.hidden = colorings.length < 2;
  $("color-by").addEventListener("change", () => {
    coloring = colorings[Number($("color-by").value)];
    const {legend, colors} = coloring;
    const rows = !legend ? [] : legend.values.map((value, k) => [value, colors[k]])
      .filter(([, color], k, all) => legend.ordered ?
        all.length < 9 || k % Math.ceil(all.length / 8) === 0 : color !== "#8c8c8c");
    const grey = legend && !legend.ordered && colors.includes("#8c8c8c");
    if (grey) rows.push(["all others", "#8c8c8c"]);
    $("legend").replaceChildren(...rows.map(([value, color]) =>
      element("li", {}, dotOf(color), element("span", {dir: "auto"}, shortened(value, 40)))));
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  views.forEach((each, k) => {
    const button = element("button", {textContent: each.name, title: each.note});
    button.addEventListener("click", () => show(k));
    $("views").append(button);
  });
  $("views").hidden = views.length < 2;
  function show(k) {
    view = views[k];
    [...$("views").children].forEach((button, i) =>
      button.setAttribute("aria-pressed", String(i === k)));
    $("map-note").textContent = view.note;
    measurePlaces();
    showAll();
  }

  // ---- search --------------------------------------------------------------------
  let words = [];
  function look() {
    words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const any = words.length || chosen || lassoed;
    let rows = chosen ? chosen.rows : lassoed || [...texts.keys()];
    if (chosen && lassoed) {
      const within = new Set(lassoed);
      rows = rows.filter((i) => within.has(i));
    }
    listed = !any ? [] : !words.length ? rows :
      rows.filter((i) => words.every((word) => lowered[i].includes(word)));
    marked = any ? new Set(listed) : null;
    $("clear").hidden = $("save").hidden = !marked;
    const where = (chosen ? " in " + titleOf(chosen) : "") + (lassoed ? " selected" : "");
    const more = listed.length > MAX_HITS ? "; the first " + MAX_HITS + ":" : "";
    $("found").dataset.words = words.join(" ");
    $("found").textContent = !marked ? "" : listed.length === 1 ?
      "1 text" + where : whole(listed.length) + " texts" + where + more;
    $("hits").replaceChildren(...listed.slice(0, MAX_HITS).map(hit));
    $("tree").hidden = Boolean(marked);
    for (const row of $("clusters").tBodies[0].rows) {
      row.classList.toggle("chosen", isChosenCluster(Number(row.dataset.cluster)));
    }
    point(-1);
    draw();
  }
  const isChosenCluster = (c) => Boolean(chosen) && chosen === nodeOfCluster(c);
  const titleOf = (node) => node.id === -1 ? "noise" :
    (node.layer === data.layer ? node.id + "  " : "") + node.name;

  // The color of the cluster that a node is part of, or of its largest cluster.
  function mapColor(node) {
    while (node.layer > data.layer && node.up) node = node.up;
    while (node.layer < data.layer && node.children.length) {
      node = node.children.reduce((a, b) => b.size > a.size ? b : a);
    }
    return node.color;
  }
  // Without a search the panel shows the tree. A topic of several layers is shown once.
  function branch(node, isTop) {
    while (node.children.length === 1) node = node.children[0];
    const count = element("span", {className: "note"}, whole(node.size));
    const button = element("button", {className: "entry"}, dotOf(mapColor(node)),
      element("span", {dir: "auto"}, titleOf(node)), count);
    button.addEventListener("click", () => choose(node));
    const item = element("li");
    if (!node.children.length) {
      item.append(element("span", {className: "twig"}), button);
      return item;
    }
    const children = [...node.children].sort((a, b) => b.size - a.size);
    const below = element("ul", {hidden: true});
    const toggle = element("button", {className: "twig", textContent: "▸"});
    const open = (isOpen) => {
      if (isOpen && !below.children.length) below.append(...children.map((c) => branch(c)));
      below.hidden = !isOpen;
      toggle.textContent = isOpen ? "▾" : "▸";
      toggle.setAttribute("aria-expanded", String(isOpen));
      toggle.setAttribute("aria-label", "Parts of " + node.name);
    };
    toggle.addEventListener("click", () => open(below.hidden));
    open(Boolean(isTop) && layers[0].length <= 3);
    item.append(toggle, button, below);
    return item;
  }

  $("save").addEventListener("click", () => {
    const head = ["row", "cluster", "name", ...attributes.map(([{name}]) => name), "text"];
    const rows = listed.map((i) => [rowOf ? rowOf[i] : i, clusters[clusterOf[i]].id,
      clusters[clusterOf[i]].name,
      ...attributes.map(([{values}, codes]) => values[codes[i]] ?? ""), texts[i]]);
    const file = new Blob([csv([head, ...rows])], {type: "text/csv;charset=utf-8"});
    const link = element("a", {href: URL.createObjectURL(file), download: "texts.csv"});
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });

  function hit(i) {
    const button = element("button", {},
      element("span", {className: "name"}, swatch(clusterOf[i]), labelOf(clusterOf[i])),
      element("span", {dir: "auto"}, ...highlighted(i)));
    button.addEventListener("click", () => {
      if (clusterOf[i] === noise) $("show-noise").checked = true;
      zoom = Math.max(zoom, 6);
      rescale();
      center = [view.x[i], view.y[i]];
      point(-1);
      draw();
      canvas.scrollIntoView({block: "nearest"});
      point(i);
    });
    return element("li", {}, button);
  }

  function highlighted(i) {
    const text = texts[i], low = lowered[i];
    if (low.length !== text.length) return [text];  // lower case changed the length
    const parts = [];
    let from = 0;
    while (from < text.length && parts.length < 40) {
      let start = -1, length = 0;
      for (const word of words) {
        const place = low.indexOf(word, from);
        if (place >= 0 && (start < 0 || place < start)) {
          start = place;
          length = word.length;
        }
      }
      if (start < 0) break;
      parts.push(text.slice(from, start),
        element("mark", {textContent: text.slice(start, start + length)}));
      from = start + length;
    }
    return [...parts, text.slice(from)];
  }

  let pause = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(look, n > 5000 ? 150 : 0);
  });
  $("clear").addEventListener("click", () => {
    $("search").value = "";
    chosen = lassoed = null;
    look();
    $("search").focus();
  });
  function choose(node) {
    chosen = chosen === node ? null : node;
    lassoed = null;
    if (chosen && chosen.id === -1) $("show-noise").checked = true;
    look();
    if (chosen) {
      $("hits").scrollTop = 0;
      $("map-section").scrollIntoView({block: "start"});
    }
  }

  // ---- the table of clusters -----------------------------------------------------
  const columns = [
    ["cluster", "id"], ["name", "name"], ["texts", "size"], ["share", "share"],
    ["cohesion", "cohesion"], ["keywords", "keywords"],
    ...(classes ? [["classes", "purity"]] : []),
    ...(periods ? [["over time", "rise"]] : []), ["example", ""]];
  const keys = {
    keywords: (c) => c.keywords.join(" "),
    purity: (c) => c.classes.length ? c.classes[0].share : 0,
    rise: ({course}) => {  // mean period, weighted by the share of its texts
      const sum = course.reduce((a, b) => a + b, 0) || 1;
      return course.reduce((total, share, k) => total + k * share, 0) / sum;
    },
  };
  let sortedBy = "id", descending = false;

  function fillTable() {
    const head = element("tr");
    for (const [title, key] of columns) {
      const cell = element("th", {scope: "col"});
      if (key) {
        const button = element("button", {textContent: title});
        button.addEventListener("click", () => {
          descending = sortedBy === key ? !descending : !["id", "name"].includes(key);
          sortedBy = key;
          sortTable();
        });
        cell.append(button);
        cell.dataset.key = key;
      } else cell.textContent = title;
      head.append(cell);
    }
    $("clusters").tHead.replaceChildren(head);
    sortTable();
  }

  function sortTable() {
    for (const cell of $("clusters").tHead.rows[0].cells) {
      const here = cell.dataset.key === sortedBy;
      cell.setAttribute("aria-sort",
        !here ? "none" : descending ? "descending" : "ascending");
    }
    const value = keys[sortedBy] || ((c) => c[sortedBy]);
    const order = clusters.map((_, c) => c).sort((a, b) => {
      const noise = (clusters[a].id === -1) - (clusters[b].id === -1);
      const x = value(clusters[a]), y = value(clusters[b]);
      const way = typeof x === "string" ? x.localeCompare(y) : x - y;
      return noise || (descending ? -way : way) || a - b;
    });
    $("clusters").tBodies[0].replaceChildren(...order.map(tableRow));
  }

  function tableRow(c) {
    const cluster = clusters[c];
    const button = element("button", {title: "show on the map"}, swatch(c),
      cluster.id === -1 ? "noise" : String(cluster.id));
    button.addEventListener("click", () => choose(nodeOfCluster(c)));
    const fill = element("i"), largest = Math.max(...clusters.map((one) => one.size));
    fill.style.width = 100 * cluster.size / largest + "%";
    const cells = [
      element("td", {}, button),
      element("td", {className: "named", dir: "auto"}, cluster.name),
      element("td", {className: "number"}, whole(cluster.size),
        element("div", {className: "bar"}, fill)),
      element("td", {className: "number extra"}, percent(cluster.share)),
      element("td", {className: "number extra"}, cluster.cohesion.toFixed(2)),
      element("td", {className: "keywords wide", dir: "auto"}, cluster.keywords.join(", "))];
    if (classes) {
      cells.push(element("td", {className: "classes extra"}, ...cluster.classes.map(
        ({name, share}) => element("div", {}, name + " " + percent(share)))));
    }
    if (periods) {
      cells.push(element("td", {className: "extra"}, spark(cluster.course, periods)));
    }
    const list = (title, items) => items.length ?
      [element("h3", {textContent: title}), element("ul", {}, ...items)] : [];
    const margin = (value) =>
      element("span", {className: "note", textContent: " margin " + value.toFixed(2)});
    cells.push(element("td", {className: "example wide"}, element("details", {},
      element("summary", {dir: "auto"},
        shortened(cluster.representatives[0] || "", 140) || "(empty text)"),
      ...list("Representative texts", cluster.representatives.map((text) =>
        element("li", {dir: "auto", textContent: text}))),
      ...list("Borderline texts: nearest to another cluster", cluster.borderline.map(
        (one) => element("li", {}, element("span", {dir: "auto", textContent: one.text}),
          margin(one.margin)))))));
    const row = element("tr", {}, ...cells);
    row.dataset.cluster = c;
    row.classList.toggle("chosen", isChosenCluster(c));
    return row;
  }

  // ---- the rest of the page ------------------------------------------------------
  for (const section of document.querySelectorAll("section")) section.hidden = false;
  fillTable();
  const charts = [
    ...data.words.map(({title, counts}, k) => bars(title, counts, k ? "#4477aa" : "#999999")),
    ...data.curves.map(lines)];
  $("charts").append(...charts);
  $("chart-section").hidden = !charts.length;
  const tops = [...layers[0]].sort((a, b) => b.size - a.size);
  $("tree").append(...[...tops, ...(noiseNode ? [noiseNode] : [])].map((node) =>
    branch(node, true)));
  // A new size empties the canvas: it is drawn before the page is shown again.
  new ResizeObserver(() => { resize(); render(); }).observe(canvas);
  resize();
  show(0);
  look();
  document.documentElement.dataset.ready = "yes";
})();
