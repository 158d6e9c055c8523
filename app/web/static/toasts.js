// Says for a moment what happened; read out, too. A toast may offer to do something about it.

import { button, element } from "./elements.js";

const SHOWN_MS = 6000;

/** @param {{label: string, act: () => void}} [offer] a button in the toast, such as Undo */
export function toast(words, offer) {
  const made = element("div", "toast", words);
  const leave = () => made.remove();
  if (offer) {
    made.append(
      button(offer.label, "", () => {
        leave();
        offer.act();
      }),
    );
  }
  document.getElementById("toasts").append(made);
  let timer = setTimeout(leave, SHOWN_MS);
  // It does not go while somebody is about to use it.
  for (const over of ["pointerenter", "focusin"]) made.addEventListener(over, () => clearTimeout(timer));
  for (const out of ["pointerleave", "focusout"]) {
    made.addEventListener(out, () => {
      clearTimeout(timer);
      timer = setTimeout(leave, SHOWN_MS);
    });
  }
}
