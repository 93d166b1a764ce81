"use strict";
(() => {
  const PAGE = 100;
  const by = (id) => document.getElementById(id);

  async function unpack(id) {
    const bytes = Uint8Array.from(atob(by(id).textContent.trim()), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  // What people read of a number: four significant digits. The title of a cell has them all.
  function brief(value) {
    if (value === null) return "";
    if (typeof value !== "number" || Number.isSafeInteger(value)) return String(value);
    const size = Math.abs(value);
    if (size >= 1e4 && size < 1e7) return value.toFixed(0);
    const short = Number(value.toPrecision(4));
    return size >= 1e7 || size < 1e-4 ? short.toExponential() : String(short);
  }

  function show(table, kept) {
    const { columns, rows } = table;
    const place = (name) => ({ budget: 2, status: 3 })[name];  // a parameter or a metric may have the same name
    const isNumber = columns.map((_, i) => rows.every((row) => row[i] === null || typeof row[i] === "number"));
    const texts = rows.map((row) => row.map((cell) => (cell === null ? "" : String(cell))).join("\n").toLowerCase());
    const sort = columns.includes(kept.sort) ? columns.indexOf(kept.sort) : null;
    const state = { down: false, first: 0, ...kept, sort };
    const [find, status, budget] = ["find", "status", "budget"].map(by);

    for (const [select, name] of [[status, "status"], [budget, "budget"]]) {
      for (const value of new Set(rows.map((row) => String(row[place(name)])))) select.add(new Option(value, value));
      select.value = state[name] ?? "";
      if (select.selectedIndex < 0) select.value = "";
    }
    find.value = state.find ?? "";

    const heads = columns.map((name, i) => {
      const head = document.createElement("th");
      const button = document.createElement("button");
      head.scope = "col";
      head.classList.toggle("number", isNumber[i]);
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => {
        [state.down, state.sort] = [state.sort === i && !state.down, i];
        state.first = 0;
        draw();
      });
      head.append(button);
      return head;
    });
    by("table").tHead.rows[0].replaceChildren(...heads);

    function compare(one, other) {
      const [a, b] = [rows[one][state.sort], rows[other][state.sort]];
      if (a === null || b === null) return (a === null) - (b === null) || one - other;
      const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
      return (state.down ? -order : order) || one - other;
    }

    function chosen() {
      const words = find.value.toLowerCase();
      const fits = (i) =>
        texts[i].includes(words) &&
        (!status.value || rows[i][place("status")] === status.value) &&
        (!budget.value || String(rows[i][place("budget")]) === budget.value);
      const found = [...rows.keys()].filter(fits);
      return state.sort === null ? found : found.sort(compare);
    }

    function draw() {
      const found = chosen();
      if (state.first >= found.length) state.first = 0;
      const shown = found.slice(state.first, state.first + PAGE);
      heads.forEach((head, i) =>
        head.setAttribute("aria-sort", i !== state.sort ? "none" : state.down ? "descending" : "ascending"),
      );
      const lines = shown.map((i) => {
        const line = document.createElement("tr");
        for (const [j, cell] of rows[i].entries()) {
          const place = line.insertCell();
          place.textContent = brief(cell);
          place.title = cell === null ? "" : String(cell);
          if (isNumber[j]) place.className = "number";
        }
        return line;
      });
      by("table").tBodies[0].replaceChildren(...lines);
      const last = state.first + shown.length;
      by("count").textContent =
        `${found.length} of ${rows.length} trials` + (last ? `; ${state.first + 1} to ${last} shown` : "");
      by("before").disabled = state.first === 0;
      by("after").disabled = last >= found.length;
    }

    function restart() {
      state.first = 0;
      draw();
    }

    let waiting;
    find.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(restart, rows.length > 5000 ? 250 : 0);
    });
    for (const select of [status, budget]) select.addEventListener("change", restart);
    by("filters").addEventListener("submit", (event) => event.preventDefault());
    by("before").addEventListener("click", () => { state.first -= PAGE; draw(); });
    by("after").addEventListener("click", () => { state.first += PAGE; draw(); });
    draw();
    return () => ({ ...state, sort: columns[state.sort], find: find.value, status: status.value, budget: budget.value });
  }

  // On a narrow page the legend is below the picture, which then keeps its width.
  function fitted(layout, width) {
    if (width >= 600) return layout;
    const legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left", y: -75 / (layout.height - 150), yanchor: "top" };
    return { ...layout, legend, height: layout.height + 100, margin: { ...layout.margin, l: 50, r: 10, b: 120 } };
  }

  async function drawPictures(figures) {
    const places = [...document.querySelectorAll("[data-picture]")];
    if (!places.length) return;
    const code = document.createElement("script");
    code.textContent = await unpack("library");
    document.head.append(code);
    for (const place of places) {
      const figure = figures[place.dataset.picture];
      const options = { responsive: true, displaylogo: false };
      try {
        await Plotly.newPlot(place, figure.data, fitted(figure.layout, place.clientWidth), options);
        place.dataset.drawn = "yes";
      } catch (error) {
        place.textContent = `This browser cannot draw the picture: ${error}`;
      }
    }
  }

  // A page that is written again and again loads itself again, and stays where its reader is.
  const NAME = `bohb ${location.pathname}`;

  function remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(NAME)) ?? {};
    } catch {
      return {};
    }
  }

  function follow(seconds, state) {
    const box = by("follow");
    if (remembered().isPaused) box.checked = false;
    const keep = () => sessionStorage.setItem(NAME, JSON.stringify({ ...state(), y: scrollY, isPaused: !box.checked }));
    box.addEventListener("change", keep);
    setInterval(() => {
      const isBusy = document.hidden || document.activeElement === by("find") || !getSelection().isCollapsed;
      if (!box.checked || isBusy) return;
      keep();
      location.reload();
    }, seconds * 1000);
  }

  async function main() {
    const kept = document.body.dataset.refresh ? remembered() : {};
    const { figures, table } = JSON.parse(await unpack("data"));
    const state = show(table, kept);
    await drawPictures(figures);
    if (kept.y) scrollTo(0, kept.y);
    if (document.body.dataset.refresh) follow(Number(document.body.dataset.refresh), state);
    document.body.dataset.ready = "yes";
  }

  main().catch((error) => {
    by("problem").textContent = `The pictures and the table cannot be shown in this browser: ${error}`;
    by("problem").hidden = false;
  });
})();
