// The chat page: puts its parts together. Text from documents and people only ever becomes text
// nodes; what models write comes from the server as harmless HTML.

import { Conversation, noConversation } from "./conversation.js";
import { DecodingPanel } from "./decoding.js";
import { EvidencePanel } from "./evidence.js";
import { Scope } from "./scope.js";
import { Sidebar } from "./sidebar.js";
import { suggest } from "./suggestions.js";

const $ = (id) => document.getElementById(id);
const welcome = $("welcome");
const suggestions = $("suggestions");
const root = $("conversation");
const form = $("ask");
const input = $("question");
const sendButton = $("send");
const stopButton = $("stop");
const status = $("status");
/** On a screen that is touched, the focus in the question box would bring up the keyboard. */
const hasKeyboard = matchMedia("(pointer: fine)").matches;

const decoding = new DecodingPanel($("decoding"), $("decoding-open"), $("decoding-summary"));
const scope = new Scope($("scope"), $("scope-open"));
const sidebar = new Sidebar($("side"), $("manage"), $("side-open"), {
  renamed: (title) => {
    document.title = `${title} · Assay`;
  },
  left: () => location.assign("/"),
});
const evidence = new EvidencePanel($("evidence"));
const conversation = new Conversation(root, {
  decoding,
  collections: () => scope.asked(),
  source: (turn, place, chip) => evidence.open(turn, place, chip),
  asked: focusOnward,
  moved: () => evidence.leave(),
  running: (isRunning) => {
    const hadFocus = document.activeElement === stopButton;
    sendButton.hidden = isRunning;
    stopButton.hidden = !isRunning;
    if (hadFocus) focusOnward();
  },
  began: ({ conversation: number, title }) => {
    history.replaceState(null, "", `/conversations/${number}`);
    document.title = `${title} · Assay`;
    sidebar.current = number;
    sidebar.load();
  },
  settled: () => sidebar.load(),
});

/** Gives the focus a place when what had it is gone. */
function focusOnward() {
  const place = hasKeyboard ? input : root.lastElementChild ?? input;
  place.focus({ preventScroll: true });
}

function ask(question) {
  welcome.hidden = true;
  conversation.ask(question);
  focusOnward();
}

function fit() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
  sendButton.disabled = input.value.trim() === "";
}

function submit() {
  const question = input.value.trim();
  if (question === "" || conversation.running) return;
  input.value = "";
  fit();
  ask(question);
}

input.addEventListener("input", fit);
input.addEventListener("keydown", (event) => {
  // While an input method is composing, Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
stopButton.addEventListener("click", () => conversation.stop());
function tryOut(question) {
  if (!conversation.running) ask(question);
}

async function begin() {
  fit();
  const number = Number(root.dataset.conversation);
  if (!number) {
    welcome.hidden = false;
    if (suggestions) suggest(suggestions, tryOut);
  } else {
    sidebar.current = number;
    try {
      const kept = await conversation.open(number);
      document.title = `${kept.title} · Assay`;
      root.lastElementChild?.scrollIntoView({ block: "start" });
    } catch (error) {
      root.replaceChildren(noConversation(error.message));
      status.textContent = error.message;
    }
  }
  sidebar.load();
  if (hasKeyboard) input.focus({ preventScroll: true });
}

begin();
