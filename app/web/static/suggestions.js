// Questions to try, which the server writes from the documents that this reader may read.

import { button, element, name } from "./elements.js";
import { send } from "./requests.js";

/** Fills the list; it goes when there is nothing to try. */
export async function suggest(list, ask) {
  let found = { questions: [], unanswerable: null };
  try {
    found = await send("GET", "/api/suggestions");
  } catch {
    // They are an offer: asking works without.
  }
  const offers = found.questions.map(({ question, document }) => offer(question, ask, document === null ? [] : ["from ", name(document)]));
  if (found.unanswerable !== null) {
    offers.push(offer(found.unanswerable, ask, ["Your documents do not say. See what happens then."]));
  }
  list.replaceChildren(...offers);
  list.hidden = offers.length === 0;
  list.removeAttribute("aria-busy");
}

function offer(question, ask, remark) {
  const choice = button("", "suggestion", () => ask(question));
  choice.dataset.question = question;
  choice.append(name(question), ...(remark.length ? [element("small", "", ...remark)] : []));
  return element("li", "", choice);
}
