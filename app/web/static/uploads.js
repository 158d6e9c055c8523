// Brings files in: takes what is dropped or chosen, sends it in parts that a lost connection cannot
// spoil, says of each file how far it is and why it failed.

import { button, count, element, name } from "./elements.js";
import { showJob, showJobs } from "./jobs.js";

const MOST_FILES = 50; // in one request, which makes one job
const MOST_BYTES = 64 * 1024 * 1024; // a larger file goes alone
const AT_ONCE = 2;
const TRIES = 4;
const FIRST_WAIT_MS = 1500;

const place = document.getElementById("uploads");
const collection = place.dataset.collection;
const list = document.getElementById("sending");
const drop = document.getElementById("drop");
const waiting = [];
let running = 0;

// Choosing

for (const [pressed, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
  const field = document.getElementById(input);
  document.getElementById(pressed).addEventListener("click", () => field.click());
  field.addEventListener("change", () => {
    take([...field.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
    field.value = "";
  });
}

for (const type of ["dragenter", "dragover"]) {
  drop.addEventListener(type, (event) => {
    event.preventDefault();
    drop.dataset.over = "";
  });
}
for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => delete drop.dataset.over);
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  // Taken at once: after the first await the browser forgets them.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...event.dataTransfer.files];
  if (!entries.length) return take(plain.map((file) => ({ file, path: file.name })));
  const found = [];
  for (const entry of entries) await collect(entry, "", found);
  take(found);
});

/** Every file below what was dropped, with its path. */
async function collect(entry, above, found) {
  const path = above + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, path });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A folder hands out its entries a hundred at a time.
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const one of some) await collect(one, `${path}/`, found);
  }
}

// Sending

function take(chosen) {
  // Each part makes a job of its own: every one needs the rules that say what is passed over.
  const rules = chosen.filter(({ path }) => path.endsWith("/.assayignore"));
  const wanted = chosen.filter(({ path }) => !/\/\.|^\.[^/]+\//.test(path)); // nothing hidden in a folder
  if (!wanted.length) return;
  list.hidden = false;
  let part = newPart(rules);
  for (const { file, path } of wanted) {
    if (part.files.length && (part.files.length >= MOST_FILES || part.bytes + file.size > MOST_BYTES)) {
      waiting.push(part);
      part = newPart(rules);
    }
    part.files.push({ file, path, line: newLine(path) });
    part.bytes += file.size;
  }
  waiting.push(part);
  next();
}

// The same key at every try: the server makes one job of it, however often it arrives.
const newPart = (rules) => ({ files: [], rules, bytes: 0, key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, tries: 0 });

function newLine(path) {
  const bar = element("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Sent of ${path}`);
  const state = element("span", "small", "waits");
  const row = element("li", "", name(path), bar, state);
  list.append(row);
  return { row, bar, state };
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(waiting.shift()).finally(() => {
      running -= 1;
      next();
    });
  }
}

async function send(part) {
  part.tries += 1;
  const outcome = await post(part);
  if (outcome.job) {
    for (const { line } of part.files) {
      line.bar.value = 1;
      line.state.textContent = "sent";
      setTimeout(() => line.row.remove(), 2500);
    }
    showJob(outcome.job);
    return;
  }
  if (outcome.again && part.tries < TRIES) {
    for (const { line } of part.files) line.state.textContent = `tries again (${part.tries} of ${TRIES - 1})`;
    await new Promise((resolve) => setTimeout(resolve, outcome.waitMs ?? FIRST_WAIT_MS * 2 ** (part.tries - 1)));
    return send(part);
  }
  for (const { line } of part.files) {
    line.state.textContent = "not sent";
    line.row.append(element("span", "reason", outcome.reason));
  }
  const again = button("Send again", "second slim", () => {
    again.closest("li").remove();
    for (const { line } of part.files) {
      line.row.querySelector(".reason")?.remove();
      line.state.textContent = "waits";
    }
    part.tries = 0;
    waiting.push(part);
    next();
  });
  list.append(element("li", "", `${count(part.files.length, "file")} not sent`, again));
}

function post(part) {
  return new Promise((resolve) => {
    const form = new FormData();
    for (const { file, path } of [...part.files, ...part.rules]) form.append("files", file, path);
    const request = new XMLHttpRequest(); // fetch tells nobody how far it has sent
    request.open("POST", `/api/jobs?collection=${encodeURIComponent(collection)}`);
    request.setRequestHeader("Idempotency-Key", part.key);
    request.upload.addEventListener("progress", (event) => {
      let sent = event.loaded;
      for (const { file, line } of part.files) {
        const share = file.size ? Math.min(1, Math.max(0, sent / file.size)) : 1;
        line.bar.value = share;
        line.state.textContent = share < 1 ? `${Math.floor(share * 100)} %` : "arrived";
        sent -= file.size;
      }
    });
    request.addEventListener("load", () => {
      const body = parsed(request.responseText);
      if (request.status === 200 || request.status === 201) return resolve({ job: body });
      const wait = Number(request.getResponseHeader("Retry-After"));
      resolve({
        again: request.status === 503 || request.status === 429 || request.status === 408,
        waitMs: wait ? wait * 1000 : undefined,
        reason: body?.detail ?? `the server said ${request.status}`,
      });
    });
    request.addEventListener("error", () => resolve({ again: true, reason: "the connection was lost" }));
    request.send(form);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

addEventListener("beforeunload", (event) => {
  if (running || waiting.length) event.preventDefault();
});

// A server that takes no uploads has no place to drop them.
place.hidden = !(await showJobs(collection));
