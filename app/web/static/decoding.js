// How the next word is chosen: the dialog with its controls, kept for this tab. The server has the
// last word; what it refuses is told at the control it blames.

const KEPT_AS = "assay-decoding";
const METHODS = new Map([
  ["greedy", "Greedy"],
  ["sampling", "Sampling"],
  ["beam", "Beam search"],
]);
/** Field -> its name in a summary, and the methods it has a meaning for (all when there is none). */
const FIELDS = new Map([
  ["temperature", ["temperature", ["sampling"]]],
  ["top_p", ["top-p", ["sampling"]]],
  ["top_k", ["top-k", ["sampling"]]],
  ["min_p", ["min-p", ["sampling"]]],
  ["seed", ["seed", ["sampling"]]],
  ["num_beams", ["beams", ["beam"]]],
  ["length_penalty", ["length penalty", ["beam"]]],
  ["max_tokens", ["longest draft", null]],
  ["repetition_penalty", ["repetition penalty", null]],
  ["presence_penalty", ["presence penalty", null]],
  ["frequency_penalty", ["frequency penalty", null]],
  ["stop", ["stop", null]],
  ["logprobs", ["probabilities", ["greedy", "sampling"]]],
]);
/** What a method begins with when the server's own is another. */
const FIRST_TEMPERATURE = 0.7;
const FIRST_BEAMS = 4;
/** Nothing is done to the model's probabilities. */
const NEUTRAL = { top_p: 1, top_k: 0, min_p: 0, length_penalty: 1, repetition_penalty: 1, presence_penalty: 0, frequency_penalty: 0 };
/** What a method needs the fields of the others to be. */
const PLAIN = { temperature: 0, num_beams: 1, length_penalty: 1, logprobs: false };
const MOST_STOPS = 4;
const LONGEST_STOP = 200;

function methodOf({ num_beams: beams, temperature }) {
  if (beams > 1) return "beam";
  return temperature > 0 ? "sampling" : "greedy";
}

function applies(field, method) {
  const [, methods] = FIELDS.get(field);
  return methods === null || methods.includes(method);
}

function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A number as people write it: a slider counts in binary. */
export function plainNumber(value) {
  return String(Number(value.toFixed(4))).replace("-", "−");
}

function inWords(field, value) {
  const [label] = FIELDS.get(field);
  if (field === "stop") return `${label} at ${value.map((text) => `“${text.replaceAll("\n", "\\n")}”`).join(", ")}`;
  if (field === "logprobs") return `with ${label}`;
  if (field === "max_tokens") return `up to ${value} token${value === 1 ? "" : "s"}`;
  if (field === "num_beams") return `${value} ${label}`;
  return `${label} ${plainNumber(value)}`;
}

/** Settings in words: the method, and what of `decoding` is not as in `usual`. */
export function describe(decoding, usual = NEUTRAL) {
  const method = methodOf(decoding);
  const parts = [METHODS.get(method)];
  for (const field of FIELDS.keys()) {
    const value = decoding[field];
    if (!applies(field, method) || value === null || value === undefined) continue;
    if ((field === "stop" && value.length === 0) || value === false) continue;
    const isTelling = (field === "temperature" && method === "sampling") || field === "num_beams";
    if (isTelling || !isSame(value, usual[field])) parts.push(inWords(field, value));
  }
  return parts.join(", ");
}

export class DecodingPanel {
  /** @param {HTMLDialogElement} dialog @param {HTMLButtonElement} opener @param {HTMLElement} summary */
  constructor(dialog, opener, summary) {
    this.dialog = dialog;
    this.opener = opener;
    this.summary = summary;
    this.form = dialog.querySelector("form");
    this.defaults = JSON.parse(dialog.dataset.defaults);
    this.reset();
    this.recall();
    opener.addEventListener("click", () => this.open());
    this.form.addEventListener("input", (event) => this.take(event.target));
    dialog.querySelector("[data-reset]").addEventListener("click", () => {
      this.reset();
      this.changed();
    });
    dialog.addEventListener("close", () => this.show());
    this.show();
  }

  /** What to send with a question; undefined when it is as the server is set up. */
  asked() {
    if (!this.isChanged()) return undefined;
    const asked = { ...PLAIN };
    for (const field of FIELDS.keys()) {
      const value = this.values[field];
      if (applies(field, this.method) && value !== null) asked[field] = value;
    }
    return asked;
  }

  /** Tells at the control what the server said of it; false when there is no such control. */
  refused(parameter, message) {
    const field = (parameter ?? "").split(".")[1];
    if (!FIELDS.has(field)) return false;
    this.mark(this.input(field), message);
    return true;
  }

  open() {
    this.dialog.showModal();
    const refused = this.form.querySelector("[aria-invalid='true']");
    (refused ?? this.form.querySelector("input[name='method']:checked")).focus();
  }

  reset() {
    this.method = methodOf(this.defaults);
    this.values = { ...this.defaults };
    if (this.method !== "sampling") this.values.temperature = FIRST_TEMPERATURE;
    if (this.method !== "beam") this.values.num_beams = FIRST_BEAMS;
  }

  /** Takes over what was set in this tab before; anything that cannot be so is passed over. */
  recall() {
    let kept;
    try {
      kept = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "{}");
    } catch {
      return; // no storage, or not ours
    }
    if (METHODS.has(kept?.method)) this.method = kept.method;
    for (const field of FIELDS.keys()) {
      if (this.isPossible(field, kept?.values?.[field])) this.values[field] = kept.values[field];
    }
  }

  isPossible(field, value) {
    if (field === "logprobs") return typeof value === "boolean";
    if (field === "stop") return Array.isArray(value) && value.every((one) => typeof one === "string") && areStops(value);
    if (field === "seed" && value === null) return true;
    const { min, max } = this.input(field);
    return typeof value === "number" && value >= Number(min) && value <= Number(max);
  }

  isChanged() {
    if (this.method !== methodOf(this.defaults)) return true;
    return [...FIELDS.keys()].some(
      (field) => applies(field, this.method) && !isSame(this.values[field], this.defaults[field]),
    );
  }

  input(field) {
    return this.form.elements.namedItem(field);
  }

  /** Something was set by hand. */
  take(input) {
    if (input.name === "method") {
      this.method = input.value;
    } else if (input.name === "logprobs") {
      this.values.logprobs = input.checked;
    } else if (input.name === "stop") {
      const stops = input.value.split("\n").filter(Boolean).map((line) => line.replaceAll("\\n", "\n"));
      const isFine = areStops(stops);
      input.setCustomValidity(isFine ? "" : `Up to ${MOST_STOPS} texts of up to ${LONGEST_STOP} characters.`);
      if (isFine) this.values.stop = stops;
    } else if (input.validity.valid) {
      this.values[input.name] = input.value === "" ? null : Number(input.value);
    }
    this.mark(input, input.validationMessage ?? "");
    this.changed(input);
  }

  changed(input = null) {
    try {
      sessionStorage.setItem(KEPT_AS, JSON.stringify({ method: this.method, values: this.values }));
    } catch {
      // Without storage the settings last as long as the page.
    }
    this.show(input);
  }

  /** @param {HTMLElement|null} typing where somebody is typing: left as it is */
  show(typing = null) {
    for (const choice of this.form.elements.method) choice.checked = choice.value === this.method;
    for (const field of FIELDS.keys()) {
      const input = this.input(field);
      const control = input.closest(".control");
      control.hidden = !applies(field, this.method);
      // What is hidden must not keep the dialog from closing.
      input.disabled = control.hidden;
      if (input === typing) continue;
      this.fill(field, input);
    }
    for (const output of this.form.querySelectorAll("output")) {
      output.value = plainNumber(this.values[this.form.elements[output.htmlFor.value].name]);
    }
    const isChanged = this.isChanged();
    this.summary.textContent = isChanged ? describe(this.asked(), this.defaults) : "";
    this.summary.hidden = !isChanged;
  }

  fill(field, input) {
    const value = this.values[field];
    const wasWrong = input.validationMessage !== "";
    if (field === "logprobs") input.checked = value;
    else if (field === "stop") input.value = value.map((text) => text.replaceAll("\n", "\\n")).join("\n");
    else input.value = value ?? "";
    if (wasWrong) {
      input.setCustomValidity("");
      this.mark(input, "");
    }
  }

  mark(input, message) {
    const refusal = document.getElementById(`decoding-${input.name}-refusal`);
    if (refusal === null) return; // the methods: they have no wrong value
    refusal.textContent = message;
    refusal.hidden = message === "";
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

function areStops(texts) {
  return texts.length <= MOST_STOPS && texts.every((text) => text !== "" && text.length <= LONGEST_STOP);
}
