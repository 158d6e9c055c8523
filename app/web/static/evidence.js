// The panel in which a source is read: the quoted words on their page, or in the text around them.

import { warningOf } from "./answer_parts.js";
import { element } from "./elements.js";
import { send } from "./requests.js";
import { toast } from "./toasts.js";

const icons = document.getElementById("turn-icons").content;
const SVG = "http://www.w3.org/2000/svg";
const ZOOMS = [1, 1.5, 2, 3];
/** From this zoom on the picture is asked for with more points. */
const SHARP_FROM = 2;
// So much lower than all of it may be found by leaving out what a page prints otherwise.
const WHOLE = 0.999;

export class EvidencePanel {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.title = root.querySelector("h2");
    this.body = root.querySelector(".evidence-body");
    this.where = root.querySelector("[data-where]");
    this.notice = root.querySelector("[data-notice]");
    this.said = root.querySelector("[data-said]");
    this.original = root.querySelector("[data-original]");
    this.opener = null;
    this.chips = [];
    this.zoom = 0;
    this.buttons = new Map();
    for (const button of root.querySelectorAll("[data-do]")) {
      const does = button.dataset.do;
      button.append(icons.querySelector(`[data-icon="${does}"]`).cloneNode(true));
      button.addEventListener("click", () => this[does]());
      this.buttons.set(does, button);
    }
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  /** @param {HTMLElement} chip what was pressed @param {object} turn whose answer it is of */
  open(turn, place, chip) {
    if (this.opener === chip && !this.root.hidden) {
      this.close();
      return;
    }
    const wasStepping = this.root.contains(document.activeElement) ? document.activeElement : null;
    this.opener?.setAttribute("aria-expanded", "false");
    this.opener = chip;
    chip.setAttribute("aria-expanded", "true");
    this.chips = [...turn.root.querySelectorAll(".cite:not(:disabled)")];
    const at = this.chips.indexOf(chip);
    this.where.textContent = `${at + 1} of ${this.chips.length}`;
    this.buttons.get("earlier").disabled = at === 0;
    this.buttons.get("later").disabled = at === this.chips.length - 1;
    this.cited = place.sentence < 0 ? turn.kept.nearest[place.number] : turn.shown[place.sentence].citations[place.number];
    this.title.replaceChildren(
      element("bdi", "", this.cited.document),
      this.cited.page === null ? "" : `, page ${this.cited.page}`,
    );
    this.root.hidden = false;
    document.body.toggleAttribute("data-evidence", true);
    this.show(turn, place);
    (wasStepping && !wasStepping.disabled ? wasStepping : this.root).focus({ preventScroll: true });
  }

  /** The quote at once; then its place, when the server has found it. */
  async show(turn, place) {
    const opener = this.opener;
    const quote = element("blockquote", "", this.cited.quote);
    quote.dir = "auto";
    this.body.replaceChildren(quote, ...warningOf(this.cited));
    this.tell(this.cited.is_changed ? "The document has changed since. These are its words of then." : "");
    this.zooms(false);
    this.original.hidden = true;
    const answer = turn.kept?.id ?? turn.answerId;
    if (answer === undefined) return; // it is told where it stands when it is kept
    let source;
    try {
      source = await send("GET", `/api/answers/${answer}/sources/${place.sentence}/${place.number}`);
    } catch (error) {
      if (opener === this.opener) this.tell(error.message);
      return;
    }
    if (opener !== this.opener) return; // another one was opened meanwhile
    this.original.href = source.original;
    this.original.hidden = false;
    const around = this.textPart(source);
    if (source.printed) this.showPage(source, around);
    else this.showText(around);
    this.said.textContent = `The source says: ${this.cited.quote}`;
  }

  tell(words) {
    this.notice.textContent = words;
    this.notice.hidden = words === "";
  }

  showText(around) {
    this.body.replaceChildren(around, ...warningOf(this.cited));
    this.lookAt(around.querySelector("mark"));
  }

  showPage({ printed, page, document: name, is_changed: isChanged }, around) {
    const image = element("img", "");
    image.alt = `Page ${page} of ${name}`;
    image.width = Math.round(printed.width);
    image.height = Math.round(printed.height);
    image.dataset.from = printed.image;
    image.src = `${printed.image}?scale=2`;
    const marks = document.createElementNS(SVG, "svg");
    marks.setAttribute("viewBox", "0 0 1 1");
    marks.setAttribute("preserveAspectRatio", "none");
    marks.setAttribute("aria-hidden", "true");
    for (const box of printed.rectangles) {
      const rect = document.createElementNS(SVG, "rect");
      for (const [name_, value] of [["x", box.left], ["y", box.top], ["width", box.width], ["height", box.height]]) {
        rect.setAttribute(name_, String(value));
      }
      marks.append(rect);
    }
    this.paper = element("div", "paper", image, marks);
    const inText = element("details", "in-text", element("summary", "", "In the text"), around);
    inText.open = printed.rectangles.length === 0;
    image.addEventListener("error", () => {
      this.paper.hidden = true;
      inText.open = true;
      this.tell("The page could not be shown. These are the words in the text.");
    });
    this.body.replaceChildren(this.paper, ...warningOf(this.cited), inText);
    this.zooms(true);
    const words = [];
    if (isChanged) words.push("The document has changed since. This is its page of then.");
    if (printed.rectangles.length === 0) words.push("The words could not be found on the page: it may be a picture. They are marked in the text below.");
    else if (printed.found < WHOLE) words.push(`${Math.floor(100 * printed.found)} % of the words could be found on the page; all of them are marked in the text below.`);
    this.tell(words.join(" "));
    this.fit();
    this.lookAt(marks.querySelector("rect"));
  }

  textPart({ lines }) {
    const part = element("div", "around");
    part.dir = "auto";
    let rows = null;
    for (const line of lines) {
      const cells = line.cells.map((cell) => cell.map((run) => (run.is_quoted ? element("mark", "", run.text) : run.text)));
      if (!line.is_row) {
        rows = null;
        part.append(element("p", "", ...cells[0]));
        continue;
      }
      if (rows === null) {
        rows = element("tbody", "");
        part.append(element("div", "rows", element("table", "", rows)));
      }
      const row = element("tr", "", ...cells.map((cell) => element("td", "", ...cell)));
      if (line.cells.flat().some((run) => run.is_quoted)) row.className = "quoted-row";
      rows.append(row);
    }
    return part;
  }

  lookAt(mark) {
    if (!mark) return;
    const space = this.body.getBoundingClientRect();
    const box = mark.getBoundingClientRect();
    this.body.scrollTop += box.top - space.top - space.height / 3;
    this.body.scrollLeft += box.left - space.left - space.width / 4;
  }

  zooms(isPage) {
    for (const does of ["in", "out"]) this.buttons.get(does).hidden = !isPage;
  }

  fit() {
    const zoom = ZOOMS[this.zoom];
    this.paper.style.width = `${100 * zoom}%`;
    const image = this.paper.querySelector("img");
    if (zoom >= SHARP_FROM && !image.src.endsWith("3")) image.src = `${image.dataset.from}?scale=3`;
    this.buttons.get("in").disabled = this.zoom === ZOOMS.length - 1;
    this.buttons.get("out").disabled = this.zoom === 0;
  }

  in() {
    this.zoomBy(1);
  }

  out() {
    this.zoomBy(-1);
  }

  zoomBy(step) {
    this.zoom = Math.min(Math.max(this.zoom + step, 0), ZOOMS.length - 1);
    this.fit();
    this.lookAt(this.paper.querySelector("rect"));
    this.said.textContent = `${100 * ZOOMS[this.zoom]} %`;
  }

  earlier() {
    this.step(-1);
  }

  later() {
    this.step(1);
  }

  step(by) {
    const chip = this.chips[this.chips.indexOf(this.opener) + by];
    chip?.scrollIntoView({ block: "nearest" });
    chip?.click();
  }

  close() {
    this.root.hidden = true;
    document.body.toggleAttribute("data-evidence", false);
    this.opener?.setAttribute("aria-expanded", "false");
    this.opener?.focus();
    this.opener = null;
  }

  /** The answer whose source is shown has gone from the page: so does the source. */
  leave() {
    if (this.opener === null || this.opener.isConnected) return;
    this.opener = null;
    this.close();
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.cited.quote);
      toast("The quote is copied.");
    } catch {
      toast("The browser does not let this page copy. Select the text instead.");
    }
  }
}
