"use strict";

// Requests to the server, with its token where it asks for one.

const TOKEN_KEY = "pix2pix-token"; // kept until the tab is closed

/** Fetch from the server; asks for the token if it is missing or wrong. Throws Error(sentence). */
async function fetchFromServer(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN_KEY);
    const authorization = token === null ? {} : { Authorization: `Bearer ${token}` };
    const headers = { ...options.headers, ...authorization };
    const answer = await fetch(path, { ...options, headers }).catch(() => {
      throw new Error("The server does not answer.");
    });
    if (answer.ok) return answer;
    if (answer.status !== 401) throw new Error(await reasonOf(answer));
    await askForToken();
  }
}

/** The sentence with which the server refuses. */
async function reasonOf(answer) {
  const content = await answer.json().catch(() => ({}));
  return content.detail ?? `The server answers with status ${answer.status}.`;
}

function askForToken() {
  const dialog = document.getElementById("token-dialog");
  const input = document.getElementById("token");
  input.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(TOKEN_KEY, input.value);
      resolve();
    }, { once: true });
  });
}
