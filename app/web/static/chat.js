// The chat page: sends a question, reads the event stream of its answer, shows each part as it
// comes. Text from documents, models and people only ever becomes text nodes.

import { DecodingPanel } from "./decoding.js";
import { button, count, element, name } from "./elements.js";
import { comparisonPart, writtenPart } from "./written.js";

// So much of the conversation is sent along. Beyond it the older half goes at once: a conversation
// that loses its beginning with every question would have to be read anew each time.
const MOST_REMEMBERED = 96;
const MOST_REMEMBERED_CHARACTERS = 300_000;
const LONGEST_REMEMBERED = 20_000;
const LONGEST_EXCERPT = 280;
// What a test case takes of the conversation before it.
const LONGEST_KEPT_TURN = 4000;
const MOST_KEPT_TURNS = 12;
// From then on a question that is being answered shows how long it takes.
const SEARCHING = "Searching…";
const PATIENCE_SECONDS = 5;
// The server says something every 15 seconds, if only that it still works.
const SILENCE_LIMIT_MS = 60_000;

const welcome = document.getElementById("welcome");
const conversation = document.getElementById("conversation");
const form = document.getElementById("ask");
const input = document.getElementById("question");
const sendButton = document.getElementById("send");
const stopButton = document.getElementById("stop");
const status = document.getElementById("status");
const marks = document.getElementById("marks").content;
const thumbs = document.getElementById("thumbs").content;
const testCase = document.getElementById("test-case").content;
const decoding = new DecodingPanel(
  document.getElementById("decoding"),
  document.getElementById("decoding-open"),
  document.getElementById("decoding-summary"),
);

/** What was asked and answered on this page, oldest first. */
let history = [];
/** Ends the answer that is being made; null when none is. */
let running = null;
let lastId = 0;
/** On a screen that is touched, the focus in the question box would bring up the keyboard. */
const hasKeyboard = matchMedia("(pointer: fine)").matches;

class Failure extends Error {
  /**
   * @param {"again"|"login"|null} remedy what the reader can do about it
   * @param {string|null} parameter the part of the request that is to blame
   */
  constructor(message, remedy, parameter = null) {
    super(message);
    this.remedy = remedy;
    this.parameter = parameter;
  }
}

function collapsed(text) {
  return text.replace(/\s+/gu, " ").trim();
}

function newId() {
  lastId += 1;
  return `part-${lastId}`;
}

// The parts of an answer

/** Says of words of a document that they give orders to a model; nothing is said of others. */
function warningOf({ commands }) {
  if (!commands?.length) return [];
  return [element("p", "notice", "This document gives orders to a model here. They are not followed.")];
}

function citation(cited) {
  const panel = element(
    "figure",
    "quote",
    element("blockquote", "", collapsed(cited.quote)),
    element("figcaption", "", name(cited.document), cited.page === null ? "" : `, page ${cited.page}`),
    ...warningOf(cited),
  );
  panel.id = newId();
  panel.hidden = true;
  const button = element("button", "cite", element("span", "unseen", "Source: "), name(cited.document));
  if (cited.page !== null) button.append(element("span", "", `p. ${cited.page}`));
  button.type = "button";
  button.title = cited.document;
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", panel.id);
  button.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    button.setAttribute("aria-expanded", String(!panel.hidden));
  });
  return { button, panel };
}

function sentencePart(sentence) {
  const isQuoted = sentence.origin === "quoted";
  const text = element(isQuoted ? "q" : "span", "text", isQuoted ? collapsed(sentence.text) : sentence.text);
  text.dir = "auto";
  const row = element("p", "marks");
  const mark = marks.querySelector(`[data-verdict="${CSS.escape(sentence.verdict)}"]`);
  row.append(mark ? mark.cloneNode(true) : sentence.verdict);
  const part = element("div", "sentence", element("p", "", text), row);
  part.dataset.verdict = sentence.verdict;
  for (const cited of sentence.citations) {
    const { button, panel } = citation(cited);
    row.append(button);
    part.append(panel);
  }
  return part;
}

function excerpt(text) {
  const whole = collapsed(text);
  if (whole.length <= LONGEST_EXCERPT) return whole;
  const cut = whole.slice(0, LONGEST_EXCERPT);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), LONGEST_EXCERPT / 2))} …`;
}

function abstentionPart({ nearest, language, text }) {
  const part = element("section", "abstention", element("h3", "", "Your documents do not answer this"));
  if (language !== "en") {
    const said = element("p", "", text);
    said.lang = language;
    said.dir = "auto";
    part.append(said);
  }
  if (nearest.length === 0) {
    part.append(element("p", "", "No passage you can read comes near this question."));
    return part;
  }
  part.append(element("p", "", "Nothing that was found supports an answer. These passages came nearest:"));
  const list = element("ul", "");
  for (const passage of nearest) {
    const place = element("p", "", name(passage.document));
    if (passage.page !== null) place.append(`, page ${passage.page}`);
    const words = element("p", "", excerpt(passage.text));
    words.dir = "auto";
    list.append(element("li", "", place, words, ...warningOf(passage)));
  }
  part.append(list);
  return part;
}

function metaPart(answer) {
  const facts = [];
  if (!answer.abstained) {
    const supported = answer.sentences.filter((sentence) => sentence.verdict === "supported").length;
    facts.push(`${supported} of ${count(answer.sentences.length, "sentence")} supported`);
  }
  if (answer.struck) {
    facts.push(
      answer.policy === "strike"
        ? `${count(answer.struck, "sentence")} left out: not supported`
        : "a draft was not shown: not all of it was supported",
    );
  }
  facts.push(`${answer.timings.total.toFixed(1)} s`);
  facts.push(`${count(answer.usage.completion_tokens, "token")} written`);
  facts.push(answer.engine);
  const { passages = 0, turns = 0 } = answer.left_out ?? {};
  const left = [];
  if (passages) left.push(count(passages, "passage"));
  if (turns) left.push(count(turns, "earlier question"));
  if (left.length) facts.push(`left out for length: ${left.join(" and ")}`);
  if (answer.standalone_question !== answer.question) facts.push(`searched for: ${answer.standalone_question}`);
  return element("p", "meta", facts.join(" · "));
}

// What the reader thinks of an answer

/** Sends it; a failure is told in the words of the server. */
async function send(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Failure("The connection to the server was lost.", null);
  }
  if (!response.ok) throw await failureOf(response);
}

/** Thumbs, and a form that makes a test case of the question. */
class Feedback {
  constructor(question, before, abstained) {
    this.question = question;
    this.before = before;
    this.abstained = abstained;
    this.thumb = null;
    this.form = null;
    this.row = element("div", "feedback", thumbs.cloneNode(true));
    this.row.setAttribute("role", "group");
    this.row.setAttribute("aria-label", "Was this answer good?");
    this.opener = this.row.querySelector("[data-open]");
    this.opener.addEventListener("click", () => (this.form ? this.close() : this.open()));
    for (const button of this.row.querySelectorAll("[data-thumb]")) {
      button.addEventListener("click", () => this.rate(button));
    }
    this.root = element("div", "", this.row);
  }

  async rate(button) {
    if (this.thumb) return;
    this.thumb = button.dataset.thumb;
    button.setAttribute("aria-pressed", "true");
    for (const other of this.row.querySelectorAll("[data-thumb]")) other.disabled = other !== button;
    if (this.thumb === "down" && !this.form) this.open();
    try {
      await send("/api/evals/thumbs", { thumb: this.thumb });
      if (this.thumb === "up") this.tell("Thank you.");
    } catch (error) {
      this.thumb = null;
      button.setAttribute("aria-pressed", "false");
      for (const other of this.row.querySelectorAll("[data-thumb]")) other.disabled = false;
      this.tell(error.message);
    }
  }

  open() {
    const form = testCase.cloneNode(true).querySelector("form");
    this.form = form;
    const heading = form.querySelector("h3");
    heading.id = newId();
    form.setAttribute("aria-labelledby", heading.id);
    const reference = form.querySelector("[data-for='answer']");
    // A thumb up says that what it did was right; else most answers are wrong in what they say.
    const wanted = this.thumb === "up" && this.abstained ? "abstain" : "answer";
    for (const choice of form.elements.expectation) {
      choice.checked = choice.value === wanted;
      choice.addEventListener("change", () => {
        reference.hidden = form.elements.expectation.value !== "answer";
      });
    }
    reference.hidden = wanted !== "answer";
    form.querySelector("[data-close]").addEventListener("click", () => this.close());
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add(form);
    });
    this.said?.remove();
    this.root.append(form);
    this.opener.setAttribute("aria-expanded", "true");
    form.querySelector("input:checked").focus();
    form.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.form.remove();
    this.form = null;
    this.opener.setAttribute("aria-expanded", "false");
    this.opener.focus();
  }

  async add(form) {
    const { expectation, reference, reason, comment } = form.elements;
    const button = form.querySelector("[type='submit']");
    button.disabled = true;
    try {
      await send("/api/evals/cases", {
        question: this.question,
        history: this.before,
        expectation: expectation.value,
        reference: expectation.value === "answer" ? reference.value : "",
        thumb: this.thumb,
        reason: reason.value || null,
        comment: comment.value,
      });
      this.close();
      this.opener.hidden = true;
      this.tell("Added to the test cases. Thank you.");
      this.said.tabIndex = -1;
      this.said.focus({ preventScroll: true });
    } catch (error) {
      button.disabled = false;
      this.tell(error.message);
    }
  }

  tell(words) {
    this.said?.remove();
    this.said = element("p", "meta", words);
    (this.form ?? this.root).append(this.said);
    status.textContent = words;
  }
}

/** One question and what becomes of it. */
class Turn {
  /** @param {{answer: object, history: object[]}|null} earlier the answer that is asked for again */
  constructor(question, earlier) {
    this.question = question;
    this.earlier = earlier;
    this.history = earlier ? earlier.history : history.slice();
    this.decoding = earlier ? earlier.answer.decoding : decoding.asked();
    this.before = this.history
      .slice(-MOST_KEPT_TURNS)
      .map(({ role, content }) => ({ role, content: content.slice(0, LONGEST_KEPT_TURN) }));
    const heading = element("h2", "asked", question);
    heading.id = newId();
    heading.dir = "auto";
    this.state = element("p", "state");
    this.state.setAttribute("aria-hidden", "true"); // the status region says it aloud
    this.sentences = element("div", "sentences");
    this.draft = element("p", "draft");
    this.draft.dir = "auto";
    this.draft.hidden = true;
    this.draft.setAttribute("aria-hidden", "true"); // not yet checked: not read out
    this.root = element("article", "turn", heading, this.state, this.sentences, this.draft);
    this.root.setAttribute("aria-labelledby", heading.id);
    this.root.tabIndex = -1;
    this.draftText = "";
    this.shown = [];
    this.isAnswered = false;
    const began = performance.now();
    this.clock = setInterval(() => {
      const seconds = Math.round((performance.now() - began) / 1000);
      if (seconds >= PATIENCE_SECONDS) this.state.dataset.seconds = seconds;
    }, 1000);
  }

  working(words) {
    if (this.state.textContent === words) return;
    this.state.textContent = words;
    status.textContent = words;
  }

  /** The words change with each place; read out are only the first and that it is next. */
  queued({ position }) {
    const words = position === 1 ? "You are next…" : `Waiting, number ${position} in line…`;
    const isSaidAlready = this.root.dataset.waiting !== undefined && position !== 1;
    this.root.dataset.waiting = "";
    this.state.textContent = words;
    if (!isSaidAlready) status.textContent = words;
  }

  started() {
    delete this.root.dataset.waiting;
    this.working(SEARCHING);
  }

  /** Says what the server still prepares, until the first event: a first start takes minutes. */
  async watchPreparation(signal) {
    let told = SEARCHING;
    while (!signal.aborted && this.state.textContent === told) {
      const reply = await fetch("/readyz", { signal, cache: "no-store" });
      const { ready, detail } = await reply.json();
      if (this.state.textContent !== told) return;
      const words = ready ? SEARCHING : `${detail[0].toUpperCase()}${detail.slice(1)}…`;
      // Read out is only that it begins and ends, not each percent.
      if (ready || told === SEARCHING) this.working(words);
      else this.state.textContent = words;
      if (ready) return;
      told = words;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  retrieved({ passages }) {
    this.working(passages.length ? `Reading ${count(passages.length, "passage")}…` : "Found no passages…");
  }

  drafted({ text }) {
    this.working("Writing…");
    this.draftText += text;
    this.showDraft();
  }

  sentence(sentence) {
    this.shown.push(sentence);
    this.sentences.append(sentencePart(sentence));
    // What the model writes now may come in one piece, at the end.
    if (sentence.origin === "quoted") this.working("Writing…");
    if (sentence.origin === "generated") this.takeFromDraft(sentence.text);
  }

  answer(answer) {
    this.isAnswered = true;
    this.settle();
    if (answer.small_talk) {
      const reply = element("p", "", answer.text);
      reply.lang = answer.language;
      this.sentences.replaceChildren(reply);
      status.textContent = answer.text;
      return;
    }
    if (answer.abstained) {
      this.sentences.replaceChildren(abstentionPart(answer));
    } else if (JSON.stringify(answer.sentences) !== JSON.stringify(this.shown)) {
      this.sentences.replaceChildren(...answer.sentences.map(sentencePart));
    }
    const meta = metaPart(answer);
    const written = writtenPart(answer, () => {
      if (running) return;
      ask(this.question, { answer, history: this.history });
      focusOnward();
    });
    this.root.append(meta, written, new Feedback(this.question, this.before, answer.abstained).root);
    const said = answer.abstained
      ? "Your documents do not answer this."
      : `Answer ready. ${meta.textContent.split(" · ")[0]}.`;
    if (this.earlier) {
      const compared = comparisonPart(this.earlier.answer, answer);
      meta.before(compared);
      status.textContent = `${said} ${compared.textContent}`;
    } else {
      status.textContent = said;
      remember(this.question, answer); // once: the same answer again adds nothing
    }
  }

  stopped() {
    this.settle();
    const words = this.shown.length ? "Stopped. What stands above was checked." : "Stopped.";
    this.root.append(element("p", "meta", words));
    status.textContent = words;
  }

  failed(failure) {
    this.settle();
    const notice = element("p", "notice", failure.message);
    if (failure.remedy === "again") {
      const again = element("button", "", "Ask again");
      again.type = "button";
      again.addEventListener("click", () => {
        if (running) return;
        this.root.remove();
        ask(this.question, this.earlier);
        focusOnward();
      });
      notice.append(again);
    } else if (failure.remedy === "login") {
      const link = element("a", "", "Log in");
      link.href = "/login";
      notice.append(link);
    }
    if (decoding.refused(failure.parameter, failure.message)) {
      notice.append(button("Change decoding", "", () => decoding.open()));
    }
    this.root.append(notice);
    status.textContent = failure.message;
  }

  /** Nothing more is being made: what was not checked is not left standing. */
  settle() {
    clearInterval(this.clock);
    this.state.remove();
    this.draft.remove();
  }

  takeFromDraft(text) {
    // The sentence may differ from the draft in its white space.
    const pattern = text.trim().split(/\s+/u).map((word) => word.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&")).join("\\s+");
    const found = new RegExp(pattern, "u").exec(this.draftText);
    if (found) this.draftText = this.draftText.slice(found.index + found[0].length);
    this.showDraft();
  }

  showDraft() {
    this.draft.textContent = this.draftText.trim();
    this.draft.hidden = this.draft.textContent === "";
  }
}

/** Keeps a question and its answer for the next one, and which words it was asked with. */
function remember(question, answer) {
  history.push({
    role: "user",
    content: question.slice(0, LONGEST_REMEMBERED),
    evidence: answer.evidence ?? [],
  });
  history.push({ role: "assistant", content: answer.text.slice(0, LONGEST_REMEMBERED) });
  const isLong =
    history.length > MOST_REMEMBERED || JSON.stringify(history).length > MOST_REMEMBERED_CHARACTERS;
  if (isLong) history = history.slice(2 * Math.ceil(history.length / 4));
}

// The event stream

/** Yields {event, data} of a server-sent event stream. */
async function* serverSentEvents(body, onBytes) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onBytes();
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const field = (key) =>
        lines.filter((line) => line.startsWith(`${key}: `)).map((line) => line.slice(key.length + 2)).join("\n");
      if (field("data")) yield { event: field("event"), data: JSON.parse(field("data")) };
    }
  }
}

function sentenceCase(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/u.test(whole) ? whole : `${whole}.`;
}

async function failureOf(response) {
  if (response.status === 401) return new Failure("Your session has ended.", "login");
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Not from our server but from something before it.
  }
  const remedy = response.status >= 500 || response.status === 429 ? "again" : null;
  return new Failure(sentenceCase(problem.detail ?? "The server could not answer"), remedy, problem.parameter);
}

async function receive(turn, controller) {
  let silence;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => controller.abort("silence"), SILENCE_LIMIT_MS);
  };
  try {
    heard();
    const response = await fetch("/api/ask", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ question: turn.question, history: turn.history, decoding: turn.decoding }),
      signal: controller.signal,
    });
    if (!response.ok) throw await failureOf(response);
    for await (const { event, data } of serverSentEvents(response.body, heard)) {
      if (event === "error") throw new Failure(sentenceCase(data.detail), "again", data.parameter);
      if (["queued", "started", "retrieved", "drafted", "sentence", "answer"].includes(event)) turn[event](data);
    }
  } finally {
    clearTimeout(silence);
  }
  if (!turn.isAnswered) throw new TypeError("the stream ended before the answer");
}

async function ask(question, earlier = null) {
  const controller = new AbortController();
  running = controller;
  welcome.hidden = true;
  sendButton.hidden = true;
  stopButton.hidden = false;
  const turn = new Turn(question, earlier);
  conversation.append(turn.root);
  turn.working(SEARCHING);
  turn.watchPreparation(controller.signal).catch(() => {}); // it only says more
  if (turn.root.previousElementSibling) turn.root.scrollIntoView({ block: "start" });
  try {
    await receive(turn, controller);
  } catch (error) {
    if (turn.isAnswered) {
      // All of it is there; how the connection ended no longer matters.
    } else if (controller.signal.reason === "stop") {
      turn.stopped();
    } else if (error instanceof Failure) {
      turn.failed(error);
    } else {
      turn.failed(new Failure("The connection to the server was lost.", "again"));
    }
  } finally {
    running = null;
    const hadFocus = document.activeElement === stopButton;
    stopButton.hidden = true;
    sendButton.hidden = false;
    if (hadFocus) focusOnward();
  }
}

// The question box

/** Gives the focus a place when what had it is gone. */
function focusOnward() {
  const place = hasKeyboard ? input : conversation.lastElementChild ?? input;
  place.focus({ preventScroll: true });
}

function fit() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
  sendButton.disabled = input.value.trim() === "";
}

function submit() {
  const question = input.value.trim();
  if (question === "" || running) return;
  input.value = "";
  fit();
  ask(question);
  focusOnward();
}

input.addEventListener("input", fit);
input.addEventListener("keydown", (event) => {
  // While an input method is composing, Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
stopButton.addEventListener("click", () => running?.abort("stop"));
for (const button of document.querySelectorAll("[data-question]")) {
  button.addEventListener("click", () => {
    if (running) return;
    ask(button.dataset.question);
    focusOnward();
  });
}
fit();
if (hasKeyboard) input.focus({ preventScroll: true });
