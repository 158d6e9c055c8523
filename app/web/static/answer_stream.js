// The events of one answer, over as many connections as it takes: the server goes on with an answer
// whose page was lost, and says what was missed when the page is back.

import { Failure, LOST, failureOf, sentenceCase, serverSentEvents } from "./requests.js";

// The server says something every 15 seconds, if only that it still works.
const SILENCE_LIMIT_MS = 60_000;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8_000;
/** A restart of the server takes some time. */
const PATIENCE_MS = 90_000;

export class AnswerStream {
  /**
   * @param {number|null} answer its number; null until the server has told
   * @param {AbortSignal} signal ends it on this page only
   */
  constructor(answer, signal) {
    this.answer = answer;
    this.signal = signal;
    this.last = 0;
    this.isEnded = false;
  }

  /** Asks, and yields {event, data} to the end. */
  async *ask(path, body) {
    const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    try {
      yield* this.read(path, request);
    } catch (error) {
      if (error instanceof Failure || this.signal.aborted) throw error;
      if (this.answer === null) throw new Failure(LOST, "again");
    }
    if (!this.isEnded) yield* this.takeUp();
  }

  /** Takes up an answer that is being made; `lost` is an event of ours while the server is away. */
  async *takeUp() {
    const began = performance.now();
    let wait = FIRST_WAIT_MS;
    while (!this.isEnded) {
      try {
        for await (const told of this.read(`/api/answers/${this.answer}/events`, { headers: { "Last-Event-ID": String(this.last) } })) {
          wait = FIRST_WAIT_MS;
          yield told;
        }
        if (this.isEnded) return;
      } catch (error) {
        const isTemporary = !(error instanceof Failure) || error.status >= 500;
        if (!isTemporary || this.signal.aborted) throw error;
      }
      if (performance.now() - began > PATIENCE_MS) throw new Failure(LOST, "again");
      yield { event: "lost", data: null };
      await this.pause(wait);
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    }
  }

  async *read(path, request) {
    const connection = new AbortController();
    const leave = () => connection.abort();
    this.signal.addEventListener("abort", leave);
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(leave, SILENCE_LIMIT_MS);
    };
    try {
      heard();
      const response = await fetch(path, { ...request, signal: connection.signal });
      if (!response.ok) throw await failureOf(response);
      for await (const { event, data, id } of serverSentEvents(response.body, heard)) {
        if (id) this.last = id;
        if (event === "asked") this.answer = data.answer;
        if (event === "answer") this.isEnded = true;
        if (event === "error") {
          this.isEnded = true;
          throw new Failure(sentenceCase(data.detail), "again", data.parameter);
        }
        yield { event, data };
      }
    } finally {
      clearTimeout(silence);
      this.signal.removeEventListener("abort", leave);
      connection.abort();
    }
  }

  pause(milliseconds) {
    return new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
      addEventListener("online", resolve, { once: true });
      this.signal.addEventListener("abort", resolve, { once: true });
    });
  }
}
