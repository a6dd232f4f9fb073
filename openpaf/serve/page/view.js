// What is shown: the picture with the people in it, how many and how fast, and what went wrong.

import { $ } from "./dom.js";
import { drawPeople, drawSmall } from "./draw.js";
import { blurFaces, mirrored, shown } from "./show.js";

export const view = $("view");

const SPAN = 4000; // ms over which frames are counted
const context = view.getContext("2d");
let arrivals = []; // times of the latest results
let latencies = [];

// picture: anything a canvas can draw; people: OpenPose's form, in px of the picture; small: the
// skeletons of hands and faces.
export function paint(picture, people, skeleton, small) {
  const show = shown();
  const placed = show.mirror ? mirrored(people, view.width) : people;
  context.save();
  if (show.mirror) context.transform(-1, 0, 0, 1, view.width, 0);
  context.drawImage(picture, 0, 0, view.width, view.height);
  context.restore();
  if (show.alone) blacken();
  else if (show.blur && skeleton) blurFaces(context, placed, skeleton);
  if (!skeleton) return;
  drawPeople(context, placed, skeleton, show);
  drawSmall(context, placed, small, show);
}

function blacken() {
  context.fillStyle = "#000";
  context.fillRect(0, 0, view.width, view.height);
}

export function clear() {
  context.clearRect(0, 0, view.width, view.height);
  arrivals = [];
  latencies = [];
  $("numbers").hidden = $("timings").hidden = true;
}

export function showPicture(people, latency, timings) {
  $("fps").parentElement.hidden = true;
  showNumbers(people, latency, timings);
}

export function showFrame(people, latency, timings) {
  const now = performance.now();
  arrivals.push(now);
  latencies.push(latency);
  while (arrivals[0] < now - SPAN && arrivals.length > 2) {
    arrivals.shift();
    latencies.shift();
  }
  const span = now - arrivals[0];
  $("fps").textContent = span ? (1000 * (arrivals.length - 1) / span).toFixed(1) : "–";
  $("fps").parentElement.hidden = false;
  const middle = latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length / 2)];
  showNumbers(people, middle, timings);
}

function showNumbers(people, latency, timings) {
  $("latency").textContent = latency.toFixed(0);
  $("people").textContent = people;
  $("people-unit").textContent = people === 1 ? "person" : "people";
  $("timings").replaceChildren(...Object.entries(timings).flatMap(([stage, ms]) => [
    Object.assign(document.createElement("dt"), { textContent: stage }),
    Object.assign(document.createElement("dd"), { textContent: `${ms.toFixed(1)} ms` }),
  ]));
  $("numbers").hidden = $("timings").hidden = false;
}

export function say(text, quiet = false) {
  $("status").textContent = text;
  $("status").classList.toggle("quiet", quiet);
}
