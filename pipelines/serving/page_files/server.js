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
    await askForToken(token !== null);
  }
}

/** The sentence with which the server refuses. */
async function reasonOf(answer) {
  const content = await answer.json().catch(() => ({}));
  return content.detail ?? `The server answers with status ${answer.status}.`;
}

/** Ask the person. Throws Error(sentence) if the dialog is closed without an answer, by Escape. */
function askForToken(isWrong) {
  const dialog = document.getElementById("token-dialog");
  const input = document.getElementById("token");
  input.value = "";
  document.getElementById("token-wrong").hidden = !isWrong;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "given") {
        reject(new Error("The server answers only with its token; reload the page to give it."));
        return;
      }
      sessionStorage.setItem(TOKEN_KEY, input.value);
      resolve();
    }, { once: true });
  });
}
