// The page: plain JavaScript, no build. It speaks the server's own API, and nothing else.
const at = (id) => document.getElementById(id);
const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};
const base = new URL(".", location.href).pathname.replace(/\/$/, "");
let job;
let capabilities;

/** A call with the key, where one is needed; it is asked for once, and kept for this tab. */
async function call(path, init = {}) {
  for (;;) {
    const key = sessionStorage.getItem("latentkit-key");
    const headers = { ...init.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
    const response = await fetch(path.startsWith("/") ? path : `${base}/${path}`, { ...init, headers });
    if (response.status !== 401) return response;
    await askKey();
  }
}

function askKey() {
  const dialog = at("ask-key");
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener(
      "close",
      () => {
        sessionStorage.setItem("latentkit-key", at("key").value);
        resolve();
      },
      { once: true },
    ),
  );
}

async function json(path, init) {
  const response = await call(path, init);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error?.message ?? `HTTP ${response.status}`);
  return body;
}

/** A slider with its number; what is left at "default" is not sent. */
function slider(name, text, { min, max, multipleOf = 1 }, value) {
  const output = make("output");
  const input = make("input", { type: "range", name, min, max, step: multipleOf, value: value ?? min });
  const show = () => (output.textContent = input.dataset.touched || value !== undefined ? input.value : "default");
  input.addEventListener("input", () => {
    input.dataset.touched = "yes";
    show();
  });
  show();
  return make("label", {}, text, output, input);
}

function choose(name, text, values, first = "default") {
  const select = make("select", { name }, make("option", { value: "", textContent: first }));
  for (const value of values) select.append(make("option", { value, textContent: value }));
  return make("label", {}, text, select);
}

/** The controls that the backend's capabilities call for. */
function build() {
  const { features, limits, defaults = {}, samplers, schedulers, tasks, server } = capabilities;
  const has = (feature) => features.includes(feature);
  const side = (range) => ({
    min: range?.min ?? 64,
    max: Math.min(range?.max ?? 2048, 2048),
    multipleOf: range?.multipleOf ?? 8,
  });
  const controls = at("controls");
  controls.replaceChildren();
  at("model-name").textContent = `${capabilities.backend}${capabilities.model ? ` · ${capabilities.model.id}` : ""}`;
  if (has("negativePrompt"))
    controls.append(make("label", {}, "Negative prompt", make("textarea", { name: "negativePrompt", rows: 2 })));
  if (server.names.models.length > 0) controls.append(choose("model", "Model", server.names.models));
  controls.append(
    make(
      "div",
      { className: "pair" },
      slider("width", "Width", side(limits.width), defaults.width),
      slider("height", "Height", side(limits.height), defaults.height),
    ),
  );
  const most = server.limits;
  if (has("steps"))
    controls.append(
      slider(
        "steps",
        "Steps",
        { min: limits.steps?.min ?? 1, max: Math.min(limits.steps?.max ?? 100, most.maxSteps, 100) },
        defaults.steps,
      ),
    );
  if (has("guidanceScale"))
    controls.append(
      slider(
        "guidanceScale",
        "Guidance",
        { min: limits.guidanceScale?.min ?? 0, max: Math.min(limits.guidanceScale?.max ?? 20, 20), multipleOf: 0.5 },
        defaults.guidanceScale,
      ),
    );
  if (has("sampler") && Array.isArray(samplers)) controls.append(choose("sampler", "Sampler", samplers));
  if (has("scheduler") && Array.isArray(schedulers)) controls.append(choose("scheduler", "Scheduler", schedulers));
  controls.append(
    make(
      "div",
      { className: "pair" },
      make(
        "label",
        {},
        "Seed",
        make("input", { type: "text", name: "seed", inputMode: "numeric", placeholder: "random" }),
      ),
      slider("count", "Pictures", { min: 1, max: Math.min(limits.count?.max ?? most.maxCount, most.maxCount) }, 1),
    ),
  );
  if (tasks.includes("image-to-image"))
    controls.append(
      make("label", {}, "Begin with a picture", make("input", { type: "file", name: "image", accept: "image/*" })),
      slider("strength", "Strength", { min: 0, max: 1, multipleOf: 0.05 }),
    );
}

/** What the form says, as a request. */
async function request() {
  const asked = { prompt: at("prompt").value };
  for (const input of at("controls").querySelectorAll("[name]")) {
    const { name, type, value } = input;
    if (type === "file") {
      if (input.files[0]) {
        const { sha256, size } = await json("v1/uploads", { method: "POST", body: input.files[0] });
        asked.image = { sha256, size };
      }
    } else if (type === "range") {
      const isShown = input.dataset.touched || capabilities.defaults?.[name] !== undefined || name === "count";
      if (isShown) asked[name] = Number(value);
    } else if (value.trim() !== "") asked[name] = value.trim();
  }
  if (!asked.image) delete asked.strength;
  if (asked.image)
    for (const name of ["width", "height"])
      if (!at("controls").querySelector(`[name=${name}]`).dataset.touched) delete asked[name];
  if (capabilities.features.includes("previewEvery"))
    asked.previewEvery = Math.max(1, Math.round((asked.steps ?? 20) / 10));
  return asked;
}

/** A job's events; a connection that breaks is taken up behind the last event. */
async function* events(id) {
  for (let last = "", tries = 0; ; ) {
    try {
      const response = await call(`v1/jobs/${id}/events`, { headers: last === "" ? {} : { "last-event-id": last } });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          const block = text.slice(0, end);
          text = text.slice(end + 2);
          const [, number, type, data] = /^id: (\d+)\nevent: (.*)\ndata: (.*)$/s.exec(block) ?? [];
          if (number === undefined) continue;
          [last, tries] = [number, 0];
          yield { type, data: JSON.parse(data) };
          if (type === "done" || type === "error") return;
        }
      }
    } catch (error) {
      if (++tries > 20) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function generate(event) {
  event.preventDefault();
  say("");
  at("generate").disabled = true;
  try {
    const headers = {
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID?.() ?? String(Math.random()),
    };
    job = await json("v1/jobs", { method: "POST", headers, body: JSON.stringify(await request()) });
    at("cancel").disabled = false;
    at("progress").hidden = false;
    at("progress").removeAttribute("value");
    for await (const { type, data } of events(job.id)) await show(type, data);
  } catch (error) {
    say(error.message, true);
  }
  job = undefined;
  at("generate").disabled = false;
  at("cancel").disabled = true;
  at("progress").hidden = true;
}

async function show(type, data) {
  if (type === "queued" && data.position > 0) at("step").textContent = `${data.position} before it`;
  if (type === "progress") {
    at("progress").value = data.fraction ?? data.step / data.steps;
    const left = data.etaMs === undefined ? "" : ` · ${(data.etaMs / 1000).toFixed(1)} s left`;
    at("step").textContent = `${data.phase} ${data.step}/${data.steps}${left}`;
  }
  if (type === "preview") display(at("preview"), data.image);
  if (type === "image") await add(data);
  if (type === "warning") say(data.message);
  if (type === "done") at("step").textContent = `done in ${(data.timings.totalMs / 1000).toFixed(1)} s`;
  if (type === "error") throw new Error(data.message);
}

function display(image, url) {
  at("hint").hidden = true;
  image.hidden = false;
  image.onload = () => image.classList.toggle("small", image.naturalWidth < 300);
  image.src = url;
}

/** A finished picture in the gallery, with what makes it again. */
async function add({ url, seed, recipe, width, height }) {
  const blob = await (await call(url)).blob();
  const file = URL.createObjectURL(blob);
  display(at("preview"), file);
  const image = make("img", { alt: recipe.request.prompt ?? "" });
  display(image, file);
  const text = JSON.stringify(recipe, undefined, 2);
  at("gallery").prepend(
    make(
      "figure",
      {},
      image,
      make(
        "figcaption",
        {},
        make("p", { textContent: recipe.request.prompt ?? "" }),
        make("p", { textContent: `seed ${seed} · ${width}×${height}` }),
        make(
          "p",
          { className: "buttons" },
          make("button", { type: "button", textContent: "Use settings", onclick: () => use(recipe) }),
          make("a", { href: file, download: `${seed}.${blob.type.split("/")[1]}`, textContent: "Save" }),
        ),
        make("details", {}, make("summary", { textContent: "Recipe" }), make("pre", { textContent: text })),
      ),
    ),
  );
}

/** A recipe's settings, into the form. */
function use({ request: made }) {
  at("prompt").value = made.prompt ?? "";
  for (const input of at("controls").querySelectorAll("[name]")) {
    if (input.type === "file" || made[input.name] === undefined) continue;
    input.value = made[input.name];
    input.dispatchEvent(new Event("input"));
  }
}

function say(text, isBad = false) {
  at("message").textContent = text;
  at("message").classList.toggle("bad", isBad);
}

at("form").addEventListener("submit", generate);
at("cancel").addEventListener("click", () => job && call(`v1/jobs/${job.id}/cancel`, { method: "POST" }));
at("prompt").addEventListener(
  "keydown",
  (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && at("form").requestSubmit(),
);
const stage = at("stage");
stage.addEventListener("dragover", (event) => {
  event.preventDefault();
  stage.classList.add("over");
});
stage.addEventListener("dragleave", () => stage.classList.remove("over"));
stage.addEventListener("drop", async (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  try {
    use((await json("v1/recipes", { method: "POST", body: event.dataTransfer.files[0] })).recipe);
    say("Settings taken from the picture.");
  } catch (error) {
    say(error.message, true);
  }
});
try {
  capabilities = await json("v1/capabilities");
  build();
} catch (error) {
  say(error.message, true);
}
