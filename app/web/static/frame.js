// On every page: tells the server about errors of our scripts, as numbers and places in them. Never
// the message: it may hold words of a document.

const MOST_REPORTS = 5;
const MOST_FRAMES = 8;
const PLACE = /\/static\/([\w.-]+\.js):(\d+):(\d+)/gu;

let reports = 0;

function report(error) {
  if (reports >= MOST_REPORTS) return;
  reports += 1;
  const kind = error instanceof Error ? error.name : typeof error;
  const places = [...(error?.stack ?? "").matchAll(PLACE)].slice(0, MOST_FRAMES).map(([, ...place]) => place.join(":"));
  // A failure to tell is not told: it would never end.
  fetch("/api/script-errors", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ kind: kind.slice(0, 50), places }),
    keepalive: true,
  }).catch(() => {});
}

addEventListener("error", (event) => report(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => report(event.reason));
