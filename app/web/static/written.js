// How an answer was written, what else was considered, how sure the model was; and whether the same
// settings gave the same answer again.

import { describe, plainNumber } from "./decoding.js";
import { button, count, element, name } from "./elements.js";

const RUNTIMES = new Map([
  ["openvino", "OpenVINO"],
  ["torch", "PyTorch"],
  ["remote", "a server"],
]);
const ENDINGS = new Map([
  ["stop", "by itself"],
  ["length", "at the longest draft"],
  ["cancelled", "early: it had left the evidence"],
]);
const SHOWN_DIGITS = 12;
/** Least probability -> how doubtful a token is shown to be, and what that is called. */
const DOUBTS = [
  [0.9, 0, "90 % or more"],
  [0.5, 1, "50 to 90 %"],
  [0.1, 2, "10 to 50 %"],
  [0, 3, "below 10 %"],
];

/** The part below an answer. @param {() => void} onAgain asks again with the same settings */
export function writtenPart(answer, onAgain) {
  const part = element("details", "written", element("summary", "", "How it was written"));
  const facts = element("dl", "facts");
  for (const [term, ...values] of factsOf(answer)) {
    facts.append(element("div", "", element("dt", "", term), element("dd", "", ...values)));
  }
  part.append(facts);
  if (answer.drafts.length > 0) part.append(draftsPart(answer.drafts));
  if (answer.tokens.length > 0) part.append(tokensPart(answer.tokens));
  part.append(button("Ask again with the same settings", "plain", onAgain));
  return part;
}

function factsOf(answer) {
  const { engine_info: engine, usage, timings, decoding } = answer;
  const facts = [["Model", name(engine.name)]];
  facts.push(["Run by", RUNTIMES.get(engine.runtime) ?? engine.runtime, ...detail(engine)]);
  const cached = usage.prompt_tokens_details.cached_tokens;
  const read = `${count(usage.prompt_tokens, "token")} read`;
  facts.push(["Tokens", `${read}${cached ? ` (${cached} of them cached)` : ""}, ${usage.completion_tokens} written`]);
  const first = timings.first_token === null ? "" : `, ${timings.first_token.toFixed(2)} s to the first token`;
  facts.push(["Time", `${timings.total.toFixed(2)} s, ${timings.retrieval.toFixed(2)} s of it searching${first}`]);
  facts.push(["Decoding", describe({ ...decoding, seed: null })]);
  if (decoding.seed !== null) facts.push(["Seed", String(decoding.seed)]);
  if (answer.finish_reason !== null) facts.push(["Ended", ENDINGS.get(answer.finish_reason) ?? answer.finish_reason]);
  if (engine.weights !== null) {
    const digits = element("code", "", engine.weights.slice(0, SHOWN_DIGITS));
    digits.title = engine.weights;
    facts.push(["Weights", "SHA-256 ", digits, "…"]);
  }
  return facts;
}

function detail({ precision, device }) {
  const known = [precision, device].filter((word) => word !== null);
  return known.length ? [` (${known.join(", ")})`] : [];
}

function logprobOf(value) {
  return plainNumber(Number(value.toFixed(2)));
}

function draftsPart(drafts) {
  const list = element("ol", "drafts");
  for (const [index, draft] of drafts.entries()) {
    const words = element("p", "", draft.text);
    words.dir = "auto";
    const place = `log-probability ${logprobOf(draft.logprob)}${index === 0 ? ", taken" : ""}`;
    list.append(element("li", "", words, element("p", "small", place)));
  }
  const heading = `${count(drafts.length, "text")} that the search ended with, best first`;
  const note = element("p", "small", "The nearer its log-probability is to 0, the more probable the model found a text.");
  return element("details", "", element("summary", "", heading), note, list);
}

/** Each token underlined by how doubtful it was, and the same as a table. */
function tokensPart(tokens) {
  const text = element("p", "tokens");
  text.dir = "auto";
  const counts = new Map(DOUBTS.map(([, doubt]) => [doubt, 0]));
  const rows = element("tbody", "");
  for (const token of tokens) {
    const probability = Math.exp(token.logprob);
    const [, doubt] = DOUBTS.find(([least]) => probability >= least) ?? DOUBTS.at(-1);
    counts.set(doubt, counts.get(doubt) + 1);
    const percent = `${(100 * probability).toFixed(1)} %`;
    const shown = element("span", "", token.text);
    shown.dataset.doubt = String(doubt);
    shown.title = `${percent}, log-probability ${logprobOf(token.logprob)}`;
    text.append(shown);
    const quoted = element("bdi", "token", visible(token.text));
    rows.append(
      element("tr", "", element("td", "", quoted), element("td", "number", percent), element("td", "number", logprobOf(token.logprob))),
    );
  }
  const legend = element("ul", "doubts");
  for (const [, doubt, label] of DOUBTS) {
    const mark = element("span", "", label);
    mark.dataset.doubt = String(doubt);
    legend.append(element("li", "", mark, `: ${count(counts.get(doubt), "token")}`));
  }
  const head = element("tr", "");
  for (const title of ["Token", "Probability", "Log-probability"]) {
    const cell = element("th", "", title);
    cell.scope = "col";
    head.append(cell);
  }
  const caption = element("caption", "unseen", "The tokens of the draft in order");
  const scroll = element("div", "scroll", element("table", "", caption, element("thead", "", head), rows));
  const table = element("details", "", element("summary", "", "As a table"), scroll);
  const part = element("details", "", element("summary", "", "How probable each token of the draft was"));
  part.append(text, legend, table);
  return part;
}

/** White space that could be seen by nobody otherwise. */
function visible(text) {
  return text.replaceAll("\n", "⏎").replace(/^ | $/gu, "␣");
}

/** Says whether an answer came out the same, and what is otherwise now if it did not. */
export function comparisonPart(before, after) {
  // Sentences that were not supported too: the text alone may be nothing but a quote.
  const said = ({ text, sentences }) => JSON.stringify([text, sentences.map((sentence) => sentence.text)]);
  if (said(before) === said(after)) return element("p", "same", "Identical to the earlier answer.");
  const changed = [
    ["another model", before.engine_info.name, after.engine_info.name],
    ["other weights", before.engine_info.weights, after.engine_info.weights],
    ["another runtime", before.engine_info.runtime, after.engine_info.runtime],
    ["another precision", before.engine_info.precision, after.engine_info.precision],
    ["other instructions to the model", before.prompt_version, after.prompt_version],
    ["the documents have changed", before.change_number, after.change_number],
  ].filter(([, then, now]) => then !== now);
  const why = changed.length ? changed.map(([words]) => words).join(", ") : "nothing that is recorded has changed";
  const part = element("p", "same", `Not identical to the earlier answer: ${why}.`);
  part.dataset.is = "other";
  return part;
}
