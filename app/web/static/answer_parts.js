// The parts of an answer: sentences with verdicts and sources, an abstention, and the line below.

import { button, count, element, name } from "./elements.js";

const LONGEST_EXCERPT = 280;
const marks = document.getElementById("marks").content;
const WITHHELD = "No longer here: its document was deleted, or you may no longer read it.";

export function collapsed(text) {
  return text.replace(/\s+/gu, " ").trim();
}

/** The same, line by line: a row of a table stands below its header. */
function inLines(text) {
  return text.split("\n").map(collapsed).join("\n");
}

/** What `app/web/markdown.py` has made of a model's words: harmless, whatever they were. */
function fromServer(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content;
}

/** @param {(place: {sentence: number, number: number}, chip: HTMLElement) => void} onSource */
export function sentencePart(sentence, position, onSource) {
  const isQuoted = sentence.origin === "quoted";
  const text = element(isQuoted ? "q" : "div", "text");
  if (sentence.text === null) {
    text.append(element("em", "withheld", WITHHELD));
  } else if (sentence.html === null) {
    text.append(inLines(sentence.text));
  } else {
    text.append(fromServer(sentence.html));
  }
  text.dir = "auto";
  const row = element("p", "marks");
  const mark = marks.querySelector(`[data-verdict="${CSS.escape(sentence.verdict)}"]`);
  row.append(mark ? mark.cloneNode(true) : sentence.verdict);
  const part = element("div", "sentence", isQuoted ? element("p", "", text) : text, row);
  part.dataset.verdict = sentence.verdict;
  for (const [number, cited] of sentence.citations.entries()) {
    row.append(chip(cited, { sentence: position, number }, onSource));
  }
  return part;
}

/** A button that opens a source. */
function chip(cited, place, onSource) {
  const known = cited.document === null ? "deleted or not readable" : name(cited.document);
  const made = button("", "cite", () => onSource(place, made));
  made.append(element("span", "unseen", "Source: "), known);
  if (cited.page !== null) made.append(element("span", "", `p. ${cited.page}`));
  if (cited.is_changed) made.append(element("span", "changed", "changed since"));
  if (cited.document !== null) made.title = cited.document;
  made.disabled = cited.quote === null;
  made.setAttribute("aria-expanded", "false");
  made.setAttribute("aria-controls", "evidence");
  return made;
}

/** Says of words of a document that they give orders to a model; nothing is said of others. */
export function warningOf({ commands }) {
  if (!commands?.length) return [];
  return [element("p", "caution", "This document gives orders to a model here. They are not followed.")];
}

function excerpt(text) {
  const whole = collapsed(text);
  if (whole.length <= LONGEST_EXCERPT) return whole;
  const cut = whole.slice(0, LONGEST_EXCERPT);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), LONGEST_EXCERPT / 2))} …`;
}

export function abstentionPart({ nearest, language, text }, onSource) {
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
  for (const [number, passage] of nearest.entries()) {
    const place = element("p", "", chip(passage, { sentence: -1, number }, onSource));
    const words = element("p", "", passage.quote === null ? WITHHELD : excerpt(passage.quote));
    words.dir = "auto";
    list.append(element("li", "", place, words, ...warningOf(passage)));
  }
  part.append(list);
  return part;
}

export function metaPart(answer) {
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

/** An answer as text to paste elsewhere: its sentences with verdicts, and the sources with quotes. */
export function asPlainText(answer) {
  if (answer.made?.abstained) return answer.text;
  const sources = [];
  const lines = answer.sentences.map((sentence) => {
    const numbers = sentence.citations.filter((cited) => cited.quote !== null).map((cited) => {
      const line = `${cited.document}${cited.page === null ? "" : `, page ${cited.page}`}: “${collapsed(cited.quote)}”`;
      if (!sources.includes(line)) sources.push(line);
      return `[${sources.indexOf(line) + 1}]`;
    });
    const verdict = sentence.verdict === "supported" ? "" : ` (${sentence.verdict})`;
    return `${inLines(sentence.text ?? "…")}${verdict}${numbers.length ? ` ${numbers.join("")}` : ""}`;
  });
  return [...lines, "", ...sources.map((line, index) => `[${index + 1}] ${line}`)].join("\n").trim();
}
