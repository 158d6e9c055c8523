// Talks to our own server: requests with JSON, event streams, and what somebody can do about a failure.

export class Failure extends Error {
  /**
   * @param {"again"|"login"|null} remedy what the reader can do about it
   * @param {string|null} parameter the part of the request that is to blame
   */
  constructor(message, remedy, parameter = null, status = 0) {
    super(message);
    this.remedy = remedy;
    this.parameter = parameter;
    this.status = status;
  }
}

export const LOST = "The connection to the server was lost.";

export function sentenceCase(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/u.test(whole) ? whole : `${whole}.`;
}

export async function failureOf(response) {
  if (response.status === 401) return new Failure("Your session has ended.", "login", null, 401);
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Not from our server but from something before it.
  }
  const remedy = response.status >= 500 || response.status === 429 ? "again" : null;
  const words = sentenceCase(problem.detail ?? "The server could not answer");
  return new Failure(words, remedy, problem.parameter, response.status);
}

/** Sends a request with JSON and gives the reply; a failure is told in the words of the server. */
export async function send(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Failure(LOST, null);
  }
  if (!response.ok) throw await failureOf(response);
  return response.status === 204 ? null : response.json();
}

/** Yields {event, data, id} of a server-sent event stream. */
export async function* serverSentEvents(body, onBytes) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onBytes();
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const field = (key) =>
        lines.filter((line) => line.startsWith(`${key}: `)).map((line) => line.slice(key.length + 2)).join("\n");
      if (field("data")) {
        yield { event: field("event"), data: JSON.parse(field("data")), id: Number(field("id")) };
      }
    }
  }
}
