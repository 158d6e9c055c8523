// What a reader thinks of an answer: thumbs with a reason, and a form that makes a test case of the
// question.

import { element, newId } from "./elements.js";
import { send } from "./requests.js";

const thumbs = document.getElementById("thumbs").content;
const why = document.getElementById("why").content;
const testCase = document.getElementById("test-case").content;
const status = document.getElementById("status");

export class Feedback {
  /** @param {object[]} before the turns before the question, as a test case takes them */
  constructor(answer, before) {
    this.answer = answer;
    this.before = before;
    this.form = null;
    this.row = element("div", "feedback", thumbs.cloneNode(true));
    this.row.setAttribute("role", "group");
    this.row.setAttribute("aria-label", "Was this answer good?");
    this.opener = this.row.querySelector("[data-open]");
    this.opener.addEventListener("click", () => (this.form?.dataset.is === "case" ? this.close() : this.openCase()));
    this.buttons = [...this.row.querySelectorAll("[data-thumb]")];
    for (const button of this.buttons) button.addEventListener("click", () => this.rate(button.dataset.thumb));
    this.root = element("div", "", this.row);
    this.show();
  }

  show() {
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.thumb === this.answer.thumb));
    }
  }

  /** A thumb that is pressed again is taken back. */
  async rate(thumb) {
    const before = this.answer.thumb;
    const { reason, comment } = this.answer;
    this.answer.thumb = before === thumb ? null : thumb;
    if (this.answer.thumb !== "down") Object.assign(this.answer, { reason: null, comment: "" });
    this.show();
    if (this.form?.dataset.is === "why") this.close();
    if (this.answer.thumb === "down" && !this.form) this.openWhy();
    try {
      await this.keep();
      if (this.answer.thumb === "up") this.tell("Thank you.");
    } catch (error) {
      Object.assign(this.answer, { thumb: before, reason, comment });
      this.show();
      this.tell(error.message);
    }
  }

  keep() {
    const { id, thumb, reason, comment } = this.answer;
    return send("PUT", `/api/answers/${id}/rating`, { thumb, reason, comment });
  }

  openWhy() {
    const form = this.open(why, "why");
    form.elements.reason.value = this.answer.reason ?? "";
    form.elements.comment.value = this.answer.comment;
    form.elements.reason.focus();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      this.answer.reason = form.elements.reason.value || null;
      this.answer.comment = form.elements.comment.value;
      await this.trying(form, async () => {
        await this.keep();
        this.close();
        this.tell("Thank you.");
      });
    });
  }

  openCase() {
    const form = this.open(testCase, "case");
    const reference = form.querySelector("[data-for='answer']");
    // A thumb up says that what it did was right; else most answers are wrong in what they say.
    const wanted = this.answer.thumb === "up" && this.answer.made.abstained ? "abstain" : "answer";
    for (const choice of form.elements.expectation) {
      choice.checked = choice.value === wanted;
      choice.addEventListener("change", () => {
        reference.hidden = form.elements.expectation.value !== "answer";
      });
    }
    reference.hidden = wanted !== "answer";
    form.elements.reason.value = this.answer.reason ?? "";
    form.elements.comment.value = this.answer.comment;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add(form);
    });
    this.opener.setAttribute("aria-expanded", "true");
    form.querySelector("input:checked").focus();
  }

  open(template, is) {
    this.form?.remove();
    this.said?.remove();
    const form = template.cloneNode(true).querySelector("form");
    form.dataset.is = is;
    this.form = form;
    const heading = form.querySelector("h3");
    heading.id = newId();
    form.setAttribute("aria-labelledby", heading.id);
    form.querySelector("[data-close]").addEventListener("click", () => this.close());
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    this.root.append(form);
    form.scrollIntoView({ block: "nearest" });
    return form;
  }

  close() {
    const opener = this.form.dataset.is === "case" ? this.opener : this.buttons.at(-1);
    this.form.remove();
    this.form = null;
    this.opener.setAttribute("aria-expanded", "false");
    opener.focus();
  }

  async add(form) {
    const { expectation, reference, reason, comment } = form.elements;
    await this.trying(form, async () => {
      await send("POST", "/api/evals/cases", {
        question: this.answer.question,
        history: this.before,
        expectation: expectation.value,
        reference: expectation.value === "answer" ? reference.value : "",
        thumb: this.answer.thumb,
        reason: reason.value || null,
        comment: comment.value,
      });
      this.close();
      this.opener.hidden = true;
      this.tell("Added to the test cases. Thank you.");
      this.said.tabIndex = -1;
      this.said.focus({ preventScroll: true });
    });
  }

  async trying(form, act) {
    const button = form.querySelector("[type='submit']");
    button.disabled = true;
    try {
      await act();
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
