// Shows the jobs that bring documents into a collection: how far each is, what it could not read and
// why; and lets people pause, go on, cancel and try again.

import { button, count, element, name } from "./elements.js";
import { send } from "./requests.js";
import { toast } from "./toasts.js";

const ENDED = new Set(["done", "cancelled", "failed"]);
// A browser holds six connections to a server: some must be left for everything else.
const MOST_STREAMS = 3;
const MOST_REASONS = 100;

const place = document.getElementById("jobs");
const shown = new Map();
let streams = 0;

/** Shows the jobs of a collection that still run, and one that left something unread; false if there are no jobs here. */
export async function showJobs(collection) {
  const reply = await fetch("/api/jobs?limit=50");
  if (!reply.ok) return false;
  const { jobs } = await reply.json();
  const mine = jobs.filter((job) => job.collection === collection);
  const open = mine.filter((job) => !ENDED.has(job.state));
  const last = mine.find((job) => ENDED.has(job.state) && (job.files.rejected || job.files.failed || job.state === "failed"));
  for (const job of [...(last ? [last] : []), ...open.reverse()]) showJob(job);
  return true;
}

/** Shows a job, the newest first, and follows it to its end. */
export function showJob(job) {
  let card = shown.get(job.job);
  if (!card) {
    card = newCard(job);
    shown.set(job.job, card);
    place.prepend(card.root);
  }
  update(card, job);
  if (!ENDED.has(job.state)) follow(card);
}

function newCard(job) {
  const title = element("strong");
  const state = element("span", "small");
  state.setAttribute("role", "status");
  const bar = element("progress");
  bar.setAttribute("aria-label", `Job ${job.job}`);
  const told = element("p", "small");
  const actions = element("p", "actions");
  const reasons = element("ul");
  const root = element("section", "job", element("div", "head", title, state), bar, told, reasons, actions);
  root.setAttribute("aria-label", `Job ${job.job}`);
  return { id: job.job, root, title, state, bar, told, actions, reasons, stream: null, isTold: false };
}

function update(card, job) {
  const { progress } = job;
  card.job = job;
  card.title.textContent = count(progress.files_total, "file");
  card.state.textContent = stateOf(job);
  card.bar.max = Math.max(1, progress.bytes_total);
  card.bar.value = ENDED.has(job.state) ? card.bar.max : progress.bytes_done;
  card.told.textContent = wordsOf(job);
  card.actions.replaceChildren(...offers(card, job));
  const unread = job.files.rejected + job.files.failed;
  if (ENDED.has(job.state) && unread && !card.isTold) {
    card.isTold = true;
    tellReasons(card);
  }
  if (ENDED.has(job.state) && !unread) {
    const again = element("a", "", place.dataset.again);
    again.href = location.pathname;
    card.actions.append(again);
  }
}

function stateOf(job) {
  const left = job.progress.left;
  switch (job.state) {
    case "queued":
      return "waits for its turn";
    case "running":
      return left ? `about ${duration(left.seconds)} left` : "being read";
    case "paused":
      return "paused";
    case "done":
      return "done";
    case "cancelled":
      return "cancelled; what was read stays";
    default:
      return `stopped: ${job.reason}`;
  }
}

function wordsOf(job) {
  const { files, progress } = job;
  const parts = [`${progress.files_done} of ${progress.files_total} read`];
  if (progress.passages) parts.push(count(progress.passages, "passage"));
  if (files.unchanged || job.unchanged) parts.push(`${files.unchanged + job.unchanged} unchanged`);
  if (job.ignored) parts.push(`${job.ignored} ignored by .assayignore`);
  if (files.rejected + files.failed) parts.push(`${files.rejected + files.failed} could not be read`);
  return parts.join(", ");
}

function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function offers(card, job) {
  const act = (label, command, style = "second slim") => button(label, style, () => order(card, command));
  if (job.state === "running" || job.state === "queued") return [act("Pause", "pause"), act("Cancel", "cancel")];
  if (job.state === "paused") return [act("Go on", "resume"), act("Cancel", "cancel")];
  if (job.files.failed || job.state !== "done") return [act("Try again", "retry")];
  return [];
}

async function order(card, command) {
  try {
    const job = await send("POST", `/api/jobs/${card.id}/${command}`);
    card.isTold = false;
    card.reasons.replaceChildren();
    showJob(job);
  } catch (failure) {
    toast(failure.message);
  }
}

function follow(card) {
  if (card.stream || streams >= MOST_STREAMS) return;
  streams += 1;
  card.stream = new EventSource(`/api/jobs/${card.id}/events`);
  card.stream.addEventListener("progress", (event) => update(card, JSON.parse(event.data)));
  card.stream.addEventListener("end", (event) => {
    end(card);
    update(card, JSON.parse(event.data));
  });
  // The browser connects again by itself, unless the server refused.
  card.stream.addEventListener("error", () => {
    if (card.stream?.readyState === EventSource.CLOSED) end(card);
    else card.state.textContent = "no connection to the server; trying again";
  });
}

function end(card) {
  if (!card.stream) return;
  card.stream.close();
  card.stream = null;
  streams -= 1;
  const next = [...shown.values()].find((one) => !one.stream && !ENDED.has(one.job.state));
  if (next) follow(next);
}

async function tellReasons(card) {
  const reply = await fetch(`/api/jobs/${card.id}/items?state=rejected&state=failed&limit=${MOST_REASONS}`);
  if (!reply.ok) return;
  const { items, total } = await reply.json();
  card.reasons.replaceChildren(...items.map((item) => reason(card, item)));
  if (total > items.length) card.reasons.append(element("li", "", `and ${total - items.length} more`));
}

function reason(card, item) {
  const line = element("li", "", name(item.name), `: ${item.reason}`);
  if (item.needs_password) line.append(passwordForm(card, item));
  return line;
}

// The password goes to the server with this one request; neither the page nor the server keeps it.
function passwordForm(card, item) {
  const field = element("input");
  field.type = "password";
  field.required = true;
  field.autocomplete = "off";
  const give = element("button", "second slim", "Read it");
  const form = element("form", "password", element("label", "", "Password ", field), give);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    give.disabled = true;
    const reply = await fetch(`/api/jobs/${card.id}/items/${item.item}/password`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ password: field.value }),
    });
    const body = await reply.json().catch(() => null);
    give.disabled = false;
    if (!reply.ok) return toast(`That was refused: ${body?.detail ?? reply.status}`);
    if (body.needs_password) return toast("That password does not open it.");
    toast(body.reason ? `It could not be read: ${body.reason}` : `${item.name} was read.`);
    card.isTold = false;
    const job = await (await fetch(`/api/jobs/${card.id}`)).json();
    card.reasons.replaceChildren();
    showJob(job);
  });
  return form;
}
