// A conversation on the page: the path from its first question to the newest, and its other versions.

import { AnswerStream } from "./answer_stream.js";
import { element } from "./elements.js";
import { Failure, LOST, send } from "./requests.js";
import { Turn } from "./turn.js";

// What a test case takes of the conversation before it.
const LONGEST_KEPT_TURN = 4000;
const MOST_KEPT_TURNS = 12;
const TOLD = ["asked", "lost", "queued", "started", "retrieved", "drafted", "sentence"];

export class Conversation {
  /**
   * @param {HTMLElement} root
   * @param {object} acts what the page does: source(turn, place, chip), decoding, running(isRunning),
   *   began(asked), asked(), settled(), moved()
   */
  constructor(root, acts) {
    this.root = root;
    this.acts = acts;
    this.id = null;
    this.answers = new Map();
    this.turns = [];
    this.running = null;
    this.turnActs = {
      ...acts,
      again: (turn, isSame) => this.again(turn, isSame),
      edit: (turn, question) => this.askInstead(turn, question),
      version: (answer, label) => this.showVersion(answer, label),
    };
  }

  /** Shows a conversation that is kept, and goes on with an answer that is being made. */
  async open(id) {
    const kept = await send("GET", `/api/conversations/${id}`);
    this.id = id;
    for (const answer of kept.answers) this.answers.set(answer.id, answer);
    const newest = kept.answers.at(-1);
    this.show(newest);
    if (newest?.state === "making") this.takeUp(this.turns.at(-1), newest);
    return kept;
  }

  /** Shows the path to an answer. Turns that are on the page already stay as they are. */
  show(leaf) {
    const path = [];
    for (let answer = leaf; answer; answer = this.answers.get(answer.follows)) path.unshift(answer);
    this.turns = path.map((answer, place) => {
      const shown = this.turns.find((turn) => turn.kept?.id === answer.id);
      if (shown) return shown;
      const turn = new Turn(answer.question, this.turnActs);
      turn.kept = answer;
      if (answer.state !== "making") turn.answer(answer, this.before(path.slice(0, place)), false);
      return turn;
    });
    this.root.replaceChildren(...this.turns.map((turn) => turn.root));
    this.showVersions();
    this.acts.moved();
  }

  showVersions() {
    for (const turn of this.turns) {
      if (turn.kept) turn.showVersions(this.versionsOf(turn.kept));
    }
  }

  versionsOf(answer) {
    return [...this.answers.values()].filter((other) => other.follows === answer.follows).sort((a, b) => a.id - b.id);
  }

  /** Another version of a question, with what was asked after it last. */
  showVersion(answer, label) {
    if (this.running) return;
    let leaf = answer;
    for (let next = answer; next; ) {
      leaf = next;
      next = [...this.answers.values()].filter((other) => other.follows === leaf.id).sort((a, b) => b.id - a.id)[0];
    }
    this.show(leaf);
    const turn = this.turns.find((one) => one.kept.id === answer.id);
    const again = turn.top.querySelector(`.versions [aria-label="${label}"]`);
    (again.disabled ? turn.root : again).focus();
  }

  before(path) {
    return path
      .filter((answer) => answer.text)
      .flatMap((answer) => [
        { role: "user", content: answer.question.slice(0, LONGEST_KEPT_TURN) },
        { role: "assistant", content: answer.text.slice(0, LONGEST_KEPT_TURN) },
      ])
      .slice(-MOST_KEPT_TURNS);
  }

  // Asking

  /** @returns {Promise<void>} when it has ended, however */
  ask(question, { follows = this.turns.findLast((one) => one.kept)?.kept.id ?? null, decoding = this.acts.decoding.asked(), earlier = null } = {}) {
    const turn = new Turn(question, this.turnActs, earlier);
    turn.follows = follows;
    const place = this.turns.findIndex((one) => one.kept?.id === follows);
    this.turns = [...this.turns.slice(0, place + 1), turn];
    this.root.replaceChildren(...this.turns.map((one) => one.root));
    if (turn.root.previousElementSibling) turn.root.scrollIntoView({ block: "start" });
    const path = this.id === null ? "/api/conversations" : `/api/conversations/${this.id}/answers`;
    const body = { question, follows: follows ?? undefined, decoding, collections: this.acts.collections() };
    return this.run(turn, null, (stream) => stream.ask(path, body));
  }

  takeUp(turn, answer) {
    turn.follows = answer.follows;
    return this.run(turn, answer.id, (stream) => stream.takeUp());
  }

  again(turn, isSame) {
    if (this.running) return;
    const earlier = isSame ? turn.kept : null;
    const follows = turn.kept ? turn.kept.follows : turn.follows;
    const decoding = isSame ? turn.kept.made.decoding : undefined;
    this.ask(turn.question, { follows, earlier, ...(isSame ? { decoding } : {}) });
    this.acts.asked();
  }

  askInstead(turn, question) {
    if (this.running) return;
    this.ask(question, { follows: turn.kept.follows });
    this.acts.asked();
  }

  async run(turn, number, events) {
    const controller = new AbortController();
    const stream = new AnswerStream(number, controller.signal);
    this.running = { controller, stream };
    this.acts.running(true);
    this.acts.moved();
    turn.begin();
    turn.watchPreparation(controller.signal).catch(() => {}); // it only says more
    try {
      for await (const { event, data } of events(stream)) {
        if (event === "asked") this.began(turn, data);
        if (event === "answer") this.keep(turn, data);
        else if (TOLD.includes(event)) turn[event](data);
      }
    } catch (error) {
      if (controller.signal.reason === "stop") turn.stopped();
      else if (error instanceof Failure) await this.failed(turn, stream, error);
      else {
        turn.failed(new Failure(LOST, "again"));
        if (!(error instanceof TypeError) && error.name !== "AbortError") reportError(error);
      }
    } finally {
      this.running = null;
      this.acts.running(false);
      this.showVersions();
    }
  }

  /** What was kept of it is gone on from, if anything is. */
  async failed(turn, stream, error) {
    turn.failed(error);
    if (stream.answer === null) return;
    try {
      turn.kept = await send("GET", `/api/answers/${stream.answer}`);
      this.answers.set(turn.kept.id, turn.kept);
    } catch {
      // The server is away; asking again asks anew.
    }
  }

  began(turn, asked) {
    const isNew = this.id === null;
    this.id = asked.conversation;
    if (isNew) this.acts.began(asked);
  }

  keep(turn, kept) {
    this.answers.set(kept.id, kept);
    const path = this.turns.slice(0, this.turns.indexOf(turn)).map((one) => one.kept).filter(Boolean);
    turn.answer(kept, this.before(path));
    this.acts.settled();
  }

  /** Ends the answer that is being made; the server keeps what was checked. */
  async stop() {
    if (!this.running) return;
    const { controller, stream } = this.running;
    if (stream.answer === null) {
      controller.abort("stop");
      return;
    }
    try {
      await send("POST", `/api/answers/${stream.answer}/stop`);
    } catch {
      controller.abort("stop");
    }
  }
}

/** What stands where a conversation would be that cannot be shown. */
export function noConversation(message) {
  return element("p", "notice", message);
}
