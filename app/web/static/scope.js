// Which collections are searched: all of them unless some are chosen, kept for this tab.

const KEPT_AS = "assay-collections";

export class Scope {
  /** @param {HTMLDialogElement|null} dialog null when there is nothing to choose among */
  constructor(dialog, opener) {
    this.dialog = dialog;
    if (dialog === null) return;
    this.opener = opener;
    this.boxes = [...dialog.querySelectorAll("[type='checkbox']")];
    const kept = this.recall();
    const isKnown = this.boxes.some((box) => kept.includes(box.value));
    for (const box of this.boxes) box.checked = !isKnown || kept.includes(box.value);
    opener.addEventListener("click", () => dialog.showModal());
    dialog.addEventListener("input", () => this.show());
    dialog.querySelector("[data-all]").addEventListener("click", () => {
      for (const box of this.boxes) box.checked = true;
      this.show();
    });
    dialog.addEventListener("close", () => {
      if (!this.chosen().length) for (const box of this.boxes) box.checked = true;
      this.keep();
      this.show();
    });
    this.show();
  }

  chosen() {
    return this.boxes.filter((box) => box.checked).map((box) => box.value);
  }

  /** What to send with a question; undefined for everything that can be read. */
  asked() {
    if (this.dialog === null) return undefined;
    const chosen = this.chosen();
    return chosen.length === 0 || chosen.length === this.boxes.length ? undefined : chosen;
  }

  show() {
    const chosen = this.asked();
    const words = chosen === undefined ? "All collections" : chosen.length === 1 ? chosen[0] : `${chosen.length} of ${this.boxes.length} collections`;
    this.opener.textContent = words;
    const isNone = this.chosen().length === 0;
    this.dialog.querySelector("[data-none]").hidden = !isNone;
  }

  recall() {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "[]") ?? [];
    } catch {
      return []; // no storage, or not ours
    }
  }

  keep() {
    try {
      sessionStorage.setItem(KEPT_AS, JSON.stringify(this.asked() ?? []));
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  }
}
