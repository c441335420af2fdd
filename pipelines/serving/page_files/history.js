"use strict";

// Earlier translations, in this browser's storage and nowhere else.

const HISTORY_KEY = "pix2pix-history";
const MOST_ENTRIES = 12;

/** The entries, newest first: {source, result, name, at, fileName, by, unlike}, pictures as data addresses. */
function readHistory() {
  try {
    return JSON.parse(localStorage.getItem(HISTORY_KEY)) ?? [];
  } catch {
    return []; // the browser keeps nothing for this page
  }
}

/** Add an entry; the oldest ones make room where there is none. */
function remember(entry) {
  const entries = [entry, ...readHistory()].slice(0, MOST_ENTRIES);
  while (entries.length > 0) {
    try {
      localStorage.setItem(HISTORY_KEY, JSON.stringify(entries));
      return;
    } catch {
      entries.pop();
    }
  }
}

function forgetHistory() {
  try {
    localStorage.removeItem(HISTORY_KEY);
  } catch { /* there is nothing to forget */ }
}

/** The content of a Blob as a data address, which storage can hold. */
function dataAddress(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
