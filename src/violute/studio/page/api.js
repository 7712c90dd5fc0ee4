/** The studio's HTTP interface as the page uses it. Every failure is an Error with one sentence to show. */

import { MOST_BYTES, TOO_LARGE } from "./parameters.js";

const LOST = "The studio does not answer. Is `violute studio` still running?";

const LONG_UPLOAD_BYTES = 50e6;

async function answer(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(LOST);
  }
  if (response.ok) return response;
  throw new Error(await sentence(response));
}

async function sentence(response) {
  try {
    const { error } = await response.json();
    if (typeof error === "string") return error;
  } catch {
    // No JSON: the status is all that is known.
  }
  return `The studio refused (${response.status}).`;
}

const json = async (path, options) => (await answer(path, options)).json();
const sent = (content) => ({
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content),
});
const at = (id, part = "") => `/takes/${encodeURIComponent(id)}${part}`;

export const listVoices = () => json("/voices");
export const listExamples = () => json("/examples");
export const readLimits = () => json("/limits");

// Those of a recording's ids that the studio has still.
export const findTakes = (id) => json(`/takes${query({ id: id ?? "" })}`);

export const takeExample = (name, voice, lines) => json(`/takes${query({ voice, lines })}`, sent({ example: name }));

export const changeVoice = (id, voice, lines) => json(at(id, "/voice"), sent({ voice, lines }));

export function sendVoice(file) {
  const form = new FormData();
  form.append("file", file, file.name);
  return json("/voices", { method: "POST", body: form });
}

// Uploading goes through XMLHttpRequest, because fetch does not tell how much has gone out.
export function takeFile(file, voice, lines, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/takes${query({ voice, lines })}`);
    request.responseType = "text";
    let share = 0; // that has gone out
    request.upload.onprogress = ({ lengthComputable, loaded, total }) => {
      if (!lengthComputable) return;
      share = loaded / total;
      onProgress(share);
    };
    request.onload = () => {
      let content = {};
      try { content = JSON.parse(request.responseText); } catch { /* answered below */ }
      if (request.status < 300 && content.id) resolve(content);
      else reject(new Error(content.error ?? `The studio refused (${request.status}).`));
    };
    request.onerror = () => reject(new Error(LOST));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    // What has all gone out becomes a take, whether or not anybody waits; so only where much is yet to come is the
    // request broken off, and else its answer is awaited, which tells what there is to remove.
    signal.addEventListener("abort", () => { if (file.size > LONG_UPLOAD_BYTES && share < 0.5) request.abort(); });
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
}

// Calls back with each state until the take is ready, failed or cancelled; returns a function that stops.
export function watchTake(id, onState) {
  const events = new EventSource(at(id, "/events"));
  const take = (event) => {
    const state = JSON.parse(event.data);
    if (["ready", "failed", "cancelled"].includes(state.status)) events.close();
    onState(state);
  };
  events.onmessage = take;
  events.onerror = () => {
    // Otherwise the browser is about to try again by itself.
    if (events.readyState === EventSource.CLOSED) onState({ status: "failed", message: LOST });
  };
  return () => events.close();
}

export const removeTake = (id) => fetch(at(id), { method: "DELETE" }).catch(() => {});

const bytes = async (path, signal) => (await answer(path, { signal })).arrayBuffer();

// A voice as the real-time core reads it.
export const readLiveVoice = (name) => bytes(`/voices/${encodeURIComponent(name)}/live`);

// Live parameters so many semitones higher, and the gains that go with them.
export async function readParameters(id, transpose, signal) {
  const response = await answer(at(id, `/parameters${query({ transpose: transpose || null })}`), { signal });
  if (Number(response.headers.get("Content-Length")) > MOST_BYTES) {
    response.body.cancel();
    throw new Error(TOO_LARGE);
  }
  return { gains: JSON.parse(response.headers.get("Violute-Live-Gains")), parameters: await response.arrayBuffer() };
}

export const readSource = (id, signal) => bytes(at(id, "/source"), signal);

// A rendering, what to know about it, and the name that it goes by.
export async function render(id, settings, signal) {
  const response = await answer(at(id, "/render"), { ...sent(settings), signal });
  const warnings = JSON.parse(response.headers.get("Violute-Warnings") ?? "[]");
  const name = nameIn(response.headers.get("Content-Disposition")) ?? `hybrid.${settings.format}`;
  return { blob: await response.blob(), warnings, name };
}

function nameIn(disposition) {
  const encoded = /filename\*=(?:utf-8|UTF-8)''([^;]+)/.exec(disposition ?? "");
  if (encoded) return decodeURIComponent(encoded[1]);
  return /filename="?([^";]+)"?/.exec(disposition ?? "")?.[1] ?? null;
}

// The share of a rendering that is done; null where none is made under this label.
export const readProgress = async (id, label) => (await json(at(id, `/renderings/${label}`))).progress;

export const readCommand = (id, settings, signal) => json(at(id, "/command"), { ...sent(settings), signal });

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
