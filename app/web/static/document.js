// Shows how far the document of this page is being read again.

import { showJob } from "./jobs.js";

const place = document.getElementById("jobs");
const reply = await fetch(`/api/jobs/${place.dataset.job}`);
if (reply.ok) {
  place.replaceChildren();
  showJob(await reply.json());
}
