// Decompresses the data blocks of the page and draws them; no network is used.
(async () => {
  const {element, whole, percent, shortened, bars, lines, spark} = parts;
  const $ = (id) => document.getElementById(id);
  const NOISE_COLOR = "#c4c4c4";
  const MAX_HITS = 200;
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
  const members = clusters.map(() => []);
  for (let i = 0; i < n; i++) members[clusterOf[i]].push(i);
  const lowered = texts.map((text) => text.toLowerCase());
  const colorOf = (cluster) => clusters[cluster].color || NOISE_COLOR;
  const swatch = (cluster) => {
    const dot = element("span", {className: "swatch"});
    dot.style.background = colorOf(cluster);
    return dot;
  };

  // ---- the map -------------------------------------------------------------------
  const canvas = $("map"), pen = canvas.getContext("2d");
  const EDGE = 65535;
  let view = views[0], places = [];
  let zoom = 1, center = [EDGE / 2, EDGE / 2];
  let marked = null;     // Set of points that the search or a cluster leaves
  let chosen = -1;       // the selected cluster
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

  function measurePlaces() {
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    places = members.map((rows) => {
      if (!rows.length) return null;
      const x = middle(rows.map((i) => view.x[i])), y = middle(rows.map((i) => view.y[i]));
      let best = rows[0], least = Infinity;
      for (const i of rows) {
        const far = (view.x[i] - x) ** 2 + (view.y[i] - y) ** 2;
        if (far < least) { least = far; best = i; }
      }
      const spread = middle(rows.map((i) => Math.abs(view.y[i] - y)));
      return [view.x[best], view.y[best], spread];
    });
  }

  function resize() {
    const ratio = window.devicePixelRatio || 1;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    rescale();
    draw();
  }

  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; paint(); });
  }

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
    const base = Math.min(4, Math.max(1.2, 170 / Math.sqrt(n)));
    const radius = Math.min(base * Math.sqrt(zoom), 5);
    const noise = clusters.findIndex((cluster) => cluster.id === -1);
    const order = clusters.map((_, c) => c).sort((a, b) => (b === noise) - (a === noise));
    for (const lit of marked ? [false, true] : [true]) {
      for (const c of order) {
        if (c === noise && !$("show-noise").checked) continue;
        pen.fillStyle = lit ? colorOf(c) : "#e3e5e8";
        pen.globalAlpha = lit ? (c === noise ? 0.6 : 0.8) : 1;
        for (const i of members[c]) {
          if (!marked || marked.has(i) === lit) dot(i, marked && lit ? radius + .8 : radius);
        }
      }
    }
    pen.globalAlpha = 1;
    writeNames(noise);
    if (pointed >= 0) {
      pen.beginPath();
      pen.arc(screenX(view.x[pointed]), screenY(view.y[pointed]), radius + 4, 0, 7);
      pen.lineWidth = 2;
      pen.strokeStyle = "#111";
      pen.stroke();
    }
  }

  function writeNames(noise) {
    const taken = [];
    const bySize = clusters.map((_, c) => c)
      .filter((c) => c !== noise && places[c])
      .sort((a, b) => (b === chosen) - (a === chosen) || members[b].length - members[a].length);
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const c of bySize) {
      const small = places[c][2] * scaleY < 12;
      const x = screenX(places[c][0]), y = screenY(places[c][1]) - (small ? 13 : 0);
      if (x < 0 || y < 0 || x > width || y > height) continue;
      const name = shortened(clusters[c].name, 28);
      const half = pen.measureText(name).width / 2 + 4;
      const box = [Math.max(x, half) === x ? Math.min(x, width - half) : half, y];
      const free = taken.every(([tx, ty, th]) =>
        Math.abs(tx - box[0]) > th + half || Math.abs(ty - y) > 16);
      if (!free || y < 46 && box[0] - half < 345) continue;
      taken.push([box[0], y, half]);
      pen.globalAlpha = marked && chosen !== c && chosen >= 0 ? 0.35 : 1;
      pen.lineWidth = 4;
      pen.strokeStyle = "rgba(255, 255, 255, .9)";
      pen.strokeText(name, box[0], y);
      pen.fillStyle = "#111";
      pen.fillText(name, box[0], y);
    }
    pen.globalAlpha = 1;
  }

  function nearest(x, y) {
    let best = -1, least = 14 ** 2;
    const noiseShown = $("show-noise").checked;
    for (let i = 0; i < n; i++) {
      if (marked && !marked.has(i)) continue;
      if (!noiseShown && clusters[clusterOf[i]].id === -1) continue;
      const far = (screenX(view.x[i]) - x) ** 2 + (screenY(view.y[i]) - y) ** 2;
      if (far < least) { least = far; best = i; }
    }
    return best;
  }

  function point(i) {
    if (i !== pointed) { pointed = i; draw(); }
    const tip = $("tip");
    tip.hidden = i < 0;
    if (i < 0) return;
    const c = clusterOf[i], notes = ["row " + whole(rowOf ? rowOf[i] : i)];
    if (classOf && classOf[i] < classes.length) notes.push("class " + classes[classOf[i]]);
    tip.replaceChildren(
      element("div", {className: "name"}, swatch(c), labelOf(c)),
      element("div", {dir: "auto"}, texts[i] || "(empty text)"),
      element("div", {className: "row"}, notes.join(" · ")));
    const x = screenX(view.x[i]), y = screenY(view.y[i]);
    const wide = tip.offsetWidth, high = tip.offsetHeight;
    tip.style.left = Math.max(2, Math.min(x + 12, width - wide - 2)) + "px";
    tip.style.top = (y + 16 + high < height ? y + 14 : Math.max(2, y - high - 12)) + "px";
  }
  const labelOf = (c) => clusters[c].id === -1 ? "noise" :
    clusters[c].id + "  " + clusters[c].name;

  function zoomAt(factor, x = width / 2, y = height / 2) {
    const before = [(x - width / 2) / scaleX, (y - height / 2) / scaleY];
    zoom = Math.min(80, Math.max(0.7, zoom * factor));
    rescale();
    center[0] += before[0] - (x - width / 2) / scaleX;
    center[1] -= before[1] - (y - height / 2) / scaleY;
    point(-1);
    draw();
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
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = at(event), before = held.get(event.pointerId);
    if (!before) { point(nearest(...now)); return; }
    if (Math.hypot(now[0] - before[0], now[1] - before[1]) < 3 && !moved) return;
    moved = true;
    if (held.size === 2) {
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
    if (!moved) point(nearest(...at(event)));
  });
  canvas.addEventListener("pointercancel", (event) => held.delete(event.pointerId));
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
    } else if (event.key === "+" || event.key === "=") zoomAt(1.5);
    else if (event.key === "-") zoomAt(1 / 1.5);
    else if (event.key === "0") showAll();
    else return;
    event.preventDefault();
  });
  $("zoom-in").addEventListener("click", () => zoomAt(1.5));
  $("zoom-out").addEventListener("click", () => zoomAt(1 / 1.5));
  $("reset").addEventListener("click", showAll);
  $("show-noise").addEventListener("change", () => { point(-1); draw(); });
  $("noise-control").hidden = !clusters.some((cluster) => cluster.id === -1);
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
    const rows = chosen >= 0 ? members[chosen] : texts.keys();
    const hits = [];
    if (words.length || chosen >= 0) {
      for (const i of rows) {
        if (words.every((word) => lowered[i].includes(word))) hits.push(i);
      }
    }
    marked = words.length || chosen >= 0 ? new Set(hits) : null;
    $("clear").hidden = !marked;
    const where = chosen >= 0 ? " in " + labelOf(chosen) : "";
    const more = hits.length > MAX_HITS ? "; the first " + MAX_HITS + ":" : "";
    $("found").dataset.words = words.join(" ");
    $("found").textContent = !marked ? "" : hits.length === 1 ?
      "1 text" + where : whole(hits.length) + " texts" + where + more;
    $("hits").replaceChildren(...(marked ? hits.slice(0, MAX_HITS).map(hit) :
      clusters.map((_, c) => entry(c))));
    for (const row of $("clusters").tBodies[0].rows) {
      row.classList.toggle("chosen", Number(row.dataset.cluster) === chosen);
    }
    point(-1);
    draw();
  }

  // Without a search the panel lists the clusters.
  function entry(c) {
    const button = element("button", {className: "entry"}, swatch(c),
      element("span", {dir: "auto"}, labelOf(c)),
      element("span", {className: "note"}, whole(clusters[c].size)));
    button.addEventListener("click", () => choose(c));
    return element("li", {}, button);
  }

  function hit(i) {
    const button = element("button", {},
      element("span", {className: "name"}, swatch(clusterOf[i]), labelOf(clusterOf[i])),
      element("span", {dir: "auto"}, ...highlighted(i)));
    button.addEventListener("click", () => {
      if (clusters[clusterOf[i]].id === -1) $("show-noise").checked = true;
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
    chosen = -1;
    look();
    $("search").focus();
  });
  function choose(c) {
    chosen = chosen === c ? -1 : c;
    if (chosen >= 0 && clusters[c].id === -1) $("show-noise").checked = true;
    look();
    if (chosen >= 0) {
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
    button.addEventListener("click", () => choose(c));
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
      [element("h4", {textContent: title}), element("ul", {}, ...items)] : [];
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
    row.classList.toggle("chosen", c === chosen);
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
  new ResizeObserver(resize).observe(canvas);
  resize();
  show(0);
  look();
  document.documentElement.dataset.ready = "yes";
})();
