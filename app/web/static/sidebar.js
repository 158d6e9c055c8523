// The list of conversations: search, and a dialog to rename, export or delete one.

import { button, element, newId } from "./elements.js";
import { send } from "./requests.js";
import { toast } from "./toasts.js";

const TYPING_MS = 200;

export class Sidebar {
  /**
   * @param {HTMLElement} root
   * @param {HTMLDialogElement} dialog
   * @param {HTMLButtonElement} opener shows the list where there is no room for it
   * @param {object} acts what the page does: left() when the conversation that is open was deleted
   */
  constructor(root, dialog, opener, acts) {
    this.root = root;
    this.dialog = dialog;
    this.opener = opener;
    this.acts = acts;
    this.list = root.querySelector("ul");
    this.search = root.querySelector("input");
    this.note = root.querySelector("[data-note]");
    this.current = null;
    this.next = null;
    this.asked = 0;
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.load(), TYPING_MS);
    });
    this.more = root.querySelector("[data-more]");
    this.more.addEventListener("click", () => this.load(this.next));
    opener.addEventListener("click", () => this.toggle());
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.isOver()) this.toggle(false);
    });
    document.getElementById("side-shade").addEventListener("click", () => this.toggle(false));
    this.form = dialog.querySelector("form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.rename();
    });
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
    this.remover = dialog.querySelector("[data-delete]");
    this.remover.addEventListener("click", () => this.remove());
  }

  isOver() {
    return this.opener.getAttribute("aria-expanded") === "true";
  }

  toggle(isShown = !this.isOver()) {
    this.opener.setAttribute("aria-expanded", String(isShown));
    document.body.toggleAttribute("data-side", isShown);
    (isShown ? this.search : this.opener).focus();
  }

  /** @param {string|null} before where the next page begins; null loads the first */
  async load(before = null) {
    const mine = (this.asked += 1);
    const words = this.search.value.trim();
    const query = new URLSearchParams({ words, limit: "40", ...(before ? { before } : {}) });
    let found;
    try {
      found = await send("GET", `/api/conversations?${query}`);
    } catch (error) {
      if (mine === this.asked) this.tell(error.message);
      return;
    }
    if (mine !== this.asked) return; // something else was typed meanwhile
    const items = found.conversations.map((heading) => this.item(heading));
    if (before) this.list.append(...items);
    else this.list.replaceChildren(...items);
    this.next = found.next;
    this.more.hidden = found.next === null;
    const nothing = words ? "No conversation of yours has these words." : "Your conversations will be listed here.";
    this.tell(this.list.childElementCount ? "" : nothing);
  }

  tell(words) {
    this.note.textContent = words;
    this.note.hidden = words === "";
  }

  item(heading) {
    const link = element("a", "", element("bdi", "", heading.title));
    link.href = `/conversations/${heading.id}`;
    link.title = heading.title;
    if (heading.id === this.current) link.setAttribute("aria-current", "page");
    const more = button("⋯", "icon", () => this.open(heading));
    more.setAttribute("aria-label", "Options");
    link.id = newId();
    more.setAttribute("aria-describedby", link.id);
    return element("li", "", link, more);
  }

  open(heading) {
    this.opened = heading;
    this.form.elements.title.value = heading.title;
    for (const link of this.dialog.querySelectorAll("[data-format]")) {
      link.href = `/api/conversations/${heading.id}/export?format=${link.dataset.format}`;
    }
    this.remover.textContent = "Delete";
    delete this.remover.dataset.sure;
    this.said("");
    this.dialog.showModal();
    this.form.elements.title.select();
  }

  said(words) {
    const problem = this.dialog.querySelector("[role='alert']");
    problem.textContent = words;
    problem.hidden = words === "";
  }

  async rename() {
    const title = this.form.elements.title.value.trim();
    if (title === "") return;
    try {
      await send("PATCH", `/api/conversations/${this.opened.id}`, { title });
    } catch (error) {
      this.said(error.message);
      return;
    }
    this.dialog.close();
    toast("Renamed.");
    if (this.opened.id === this.current) this.acts.renamed(title);
    this.load();
  }

  /** The first press asks, the second one does it. */
  async remove() {
    if (this.remover.dataset.sure === undefined) {
      this.remover.dataset.sure = "";
      this.remover.textContent = "Delete it for good";
      return;
    }
    try {
      await send("DELETE", `/api/conversations/${this.opened.id}`);
    } catch (error) {
      this.said(error.message);
      return;
    }
    this.dialog.close();
    toast("Deleted.");
    if (this.opened.id === this.current) this.acts.left();
    this.load();
  }
}
