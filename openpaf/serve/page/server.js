// What the server is asked, with the token if it wants one.

const fromAddress = new URLSearchParams(location.hash.slice(1)).get("token");
if (fromAddress) {
  sessionStorage.setItem("openpaf-token", fromAddress);
  // Not left in the address bar, where it would be copied along with the address.
  history.replaceState(null, "", location.pathname + location.search);
}

export function token() {
  return sessionStorage.getItem("openpaf-token");
}

export function setToken(value) {
  sessionStorage.setItem("openpaf-token", value.trim());
}

export class ServerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, request = {}) {
  const headers = token() ? { authorization: `Bearer ${token()}` } : {};
  let answer;
  try {
    answer = await fetch(path, { ...request, headers: { ...headers, ...request.headers } });
  } catch {
    throw new ServerError(0, "the server cannot be reached");
  }
  const body = await answer.json();
  if (!answer.ok) throw new ServerError(answer.status, body.error);
  return { body, timings: readTimings(answer.headers.get("server-timing")) };
}

function readTimings(header) {
  const timings = {};
  for (const entry of (header ?? "").split(",")) {
    const match = /(\w+);dur=([\d.]+)/.exec(entry);
    if (match) timings[match[1]] = Number(match[2]);
  }
  return timings;
}

export async function models() {
  return (await ask("models")).body;
}

export function detect(file, settings) {
  const kind = file.type || "application/octet-stream";
  return ask(`detect?${new URLSearchParams(settings)}`, {
    method: "POST", body: file, headers: { "content-type": kind },
  });
}

export function liveSocket() {
  const address = new URL("live", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.hash = "";
  return new WebSocket(address, token() ? ["openpaf", token()] : ["openpaf"]);
}
