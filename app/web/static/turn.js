// One question and what becomes of it, on the page.

import { abstentionPart, asPlainText, metaPart, sentencePart } from "./answer_parts.js";
import { button, count, element, newId } from "./elements.js";
import { Feedback } from "./feedback.js";
import { toast } from "./toasts.js";
import { comparisonPart, writtenPart } from "./written.js";

const SEARCHING = "Searching…";
// From then on a question that is being answered shows how long it takes.
const PATIENCE_SECONDS = 5;
const status = document.getElementById("status");
const icons = document.getElementById("turn-icons").content;

const ENDINGS = {
  stopped: ["Stopped.", "Stopped. What stands above was checked."],
  interrupted: ["It was interrupted before anything was checked.", "It was interrupted. What stands above was checked."],
  making: ["Another server is working on this answer; open the page again in a while.", "Another server is working on this answer."],
};

function smallTalkPart(kept) {
  const reply = element("p", "", kept.text);
  reply.lang = kept.made.language;
  reply.dir = "auto";
  return reply;
}

function icon(which, label, act) {
  const made = button("", "icon", act);
  made.append(icons.querySelector(`[data-icon="${which}"]`).cloneNode(true));
  made.setAttribute("aria-label", label);
  made.title = label;
  return made;
}

export class Turn {
  /**
   * @param {string} question
   * @param {object} acts what the page does: again(turn, isSame), edit(turn, question), version(answer),
   *   source(turn, place, chip), login, decoding
   * @param {object|null} earlier the kept answer that is asked for once more, to compare with
   */
  constructor(question, acts, earlier = null) {
    this.question = question;
    this.acts = acts;
    this.earlier = earlier;
    this.kept = null;
    this.heading = element("h2", "asked", question);
    this.heading.id = newId();
    this.heading.dir = "auto";
    this.top = element("div", "top", this.heading);
    this.state = element("p", "state");
    this.state.setAttribute("aria-hidden", "true"); // the status region says it aloud
    this.sentences = element("div", "sentences");
    this.draft = element("p", "draft");
    this.draft.dir = "auto";
    this.draft.hidden = true;
    this.draft.setAttribute("aria-hidden", "true"); // not yet checked: not read out
    this.foot = element("div", "");
    this.root = element("article", "turn", this.top, this.state, this.sentences, this.draft, this.foot);
    this.root.setAttribute("aria-labelledby", this.heading.id);
    this.root.tabIndex = -1;
    this.draftText = "";
    this.shown = [];
  }

  // While it is made

  begin() {
    const began = performance.now();
    this.working(SEARCHING);
    this.clock = setInterval(() => {
      const seconds = Math.round((performance.now() - began) / 1000);
      if (seconds >= PATIENCE_SECONDS) this.state.dataset.seconds = seconds;
    }, 1000);
  }

  working(words) {
    delete this.root.dataset.lost;
    if (this.state.textContent === words) return;
    this.state.textContent = words;
    status.textContent = words;
  }

  asked({ answer }) {
    this.answerId = answer;
  }

  lost() {
    this.working("The connection was lost. The server goes on; trying to reach it…");
    this.root.dataset.lost = "";
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
    this.sentences.append(this.sentencePart(sentence, this.shown.length));
    this.shown.push(sentence);
    // What the model writes now may come in one piece, at the end.
    if (sentence.origin === "quoted") this.working("Writing…");
    if (sentence.origin === "generated") this.takeFromDraft(sentence.text);
  }

  sentencePart(sentence, position) {
    return sentencePart(sentence, position, (place, chip) => this.acts.source(this, place, chip));
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

  // When it has ended

  /** @param {object} kept the answer as the server keeps it @param {object[]} before the turns before it */
  answer(kept, before, isNew = true) {
    this.kept = kept;
    this.settle();
    if (kept.made?.small_talk) {
      this.sentences.replaceChildren(smallTalkPart(kept));
    } else if (kept.made?.abstained) {
      const part = abstentionPart({ ...kept.made, ...kept }, (place, chip) => this.acts.source(this, place, chip));
      this.sentences.replaceChildren(part);
    } else if (JSON.stringify(kept.sentences) !== JSON.stringify(this.shown)) {
      this.sentences.replaceChildren(...kept.sentences.map((sentence, position) => this.sentencePart(sentence, position)));
      this.shown = kept.sentences;
    }
    this.top.append(icon("edit", "Edit the question", () => this.edit()));
    const said = kept.state === "finished" ? this.finished(kept, before) : this.ended(kept);
    if (isNew) status.textContent = said;
  }

  finished(kept, before) {
    if (kept.made.small_talk) return kept.text;
    const answer = { ...kept.made, ...kept };
    const meta = metaPart(answer);
    const written = writtenPart(answer, () => this.acts.again(this, true));
    const feedback = new Feedback(kept, before);
    feedback.row.prepend(...this.tools());
    this.foot.replaceChildren(meta, written, feedback.root);
    let said = answer.abstained ? "Your documents do not answer this." : `Answer ready. ${meta.textContent.split(" · ")[0]}.`;
    if (this.earlier?.made) {
      const compared = comparisonPart({ ...this.earlier.made, ...this.earlier }, answer);
      meta.before(compared);
      said = `${said} ${compared.textContent}`;
    }
    return said;
  }

  ended(kept) {
    if (kept.state === "failed") return this.failed({ message: kept.failure ?? "It failed.", remedy: "again" });
    const words = ENDINGS[kept.state][kept.sentences.length ? 1 : 0];
    const tools = element("div", "feedback", ...this.tools());
    this.foot.replaceChildren(element("p", "meta", words), tools);
    return words;
  }

  /** Ended before the server had told of it. */
  stopped() {
    this.settle();
    this.foot.replaceChildren(element("p", "meta", "Stopped."));
    status.textContent = "Stopped.";
  }

  failed(failure) {
    this.settle();
    const notice = element("p", "notice", failure.message);
    if (failure.remedy === "again") {
      notice.append(button("Ask again", "", () => this.acts.again(this, false)));
    } else if (failure.remedy === "login") {
      const link = element("a", "", "Log in");
      link.href = "/login";
      notice.append(link);
    }
    if (this.acts.decoding.refused(failure.parameter, failure.message)) {
      notice.append(button("Change decoding", "", () => this.acts.decoding.open()));
    }
    this.foot.replaceChildren(notice);
    status.textContent = failure.message;
    return failure.message;
  }

  /** Nothing more is being made: what was not checked is not left standing. */
  settle() {
    clearInterval(this.clock);
    this.state.remove();
    this.draft.remove();
  }

  tools() {
    const copy = icon("copy", "Copy the answer", async () => {
      try {
        await navigator.clipboard.writeText(asPlainText(this.kept));
        toast("Copied, with its sources.");
      } catch {
        toast("The browser does not let this page copy. Select the text instead.");
      }
    });
    const made = [icon("again", "Regenerate", () => this.acts.again(this, false))];
    return this.shown.length || this.kept.made ? [copy, ...made] : made;
  }

  /** @param {object[]} versions the kept answers that are versions of this one, oldest first */
  showVersions(versions) {
    this.top.querySelector(".versions")?.remove();
    const place = versions.findIndex((answer) => answer.id === this.kept?.id);
    if (versions.length < 2 || place < 0) return;
    const earlier = icon("earlier", "Earlier version", () => this.acts.version(versions[place - 1], "Earlier version"));
    const later = icon("later", "Later version", () => this.acts.version(versions[place + 1], "Later version"));
    earlier.disabled = place === 0;
    later.disabled = place === versions.length - 1;
    const where = element("span", "", `${place + 1} of ${versions.length}`);
    const part = element("div", "versions", earlier, where, later);
    part.setAttribute("role", "group");
    part.setAttribute("aria-label", "Versions of this question");
    this.heading.after(part);
  }

  edit() {
    if (this.editor) return;
    const box = element("textarea", "");
    box.value = this.question;
    box.maxLength = document.getElementById("question").maxLength;
    box.dir = "auto";
    box.rows = 3;
    box.setAttribute("aria-label", "Edit the question");
    const save = button("Ask", "primary", () => {});
    save.type = "submit";
    const close = () => {
      this.editor.remove();
      this.editor = null;
      this.top.hidden = false;
      this.top.querySelector(".icon:last-child").focus();
    };
    const actions = element("div", "actions", save, button("Cancel", "plain", close));
    const note = element("p", "small", "The answer to the question as it was stays, as an earlier version.");
    this.editor = element("form", "editor", box, note, actions);
    this.editor.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === box) {
        event.preventDefault();
        this.editor.requestSubmit();
      }
    });
    this.editor.addEventListener("submit", (event) => {
      event.preventDefault();
      const question = box.value.trim();
      if (question === "") return;
      this.acts.edit(this, question);
    });
    this.top.hidden = true;
    this.top.before(this.editor);
    box.focus();
  }
}
