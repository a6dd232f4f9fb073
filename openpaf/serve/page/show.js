// How people are shown: what is behind them, how thick lines are, whose face is hidden.

import { $ } from "./dom.js";

const KEYPOINT = 3;
const CHOICES = ["alone", "ids", "mirror", "blur"];

// What the boxes say now.
export function shown() {
  const ticked = Object.fromEntries(CHOICES.map((name) => [name, $(`show-${name}`).checked]));
  return { ...ticked, color: $("show-color").value, width: Number($("show-width").value) };
}

export function onShowChange(changed) {
  for (const name of [...CHOICES, "color", "width"]) $(`show-${name}`).oninput = changed;
}

// People as a mirror shows them.
export function mirrored(people, width) {
  return people.map((person) => moved(
    person, (value, index) => (index % KEYPOINT ? value : width - 1 - value),
  ));
}

// A person whose every x, y, score is another: of the body, the hands and the face.
export function moved(person, change) {
  const lists = Object.entries(person).filter(([key]) => key.endsWith("_2d"));
  return { ...person, ...Object.fromEntries(lists.map(([key, flat]) => [key, flat.map(change)])) };
}

// Hide the faces of people in a canvas: each becomes a few squares. People: in canvas px.
export function blurFaces(context, people, skeleton) {
  for (const person of people) {
    const face = faceOf(person.pose_keypoints_2d, skeleton.parts);
    if (face) squares(context, face);
  }
}

// Middle and radius of a face: about its own parts, at least as large as the shoulders let one
// expect; null where no part of a face is found.
function faceOf(flat, parts) {
  const at = (name) => {
    const place = KEYPOINT * parts.indexOf(name);
    return place >= 0 && flat[place + 2] > 0 ? flat.slice(place, place + 2) : null;
  };
  const found = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"].map(at).filter(Boolean);
  if (!found.length) return null;
  const middle = [0, 1].map((axis) => found.reduce((sum, one) => sum + one[axis], 0) / found.length);
  const apart = Math.max(...found.map((one) => distance(one, middle)));
  const [left, right] = [at("left_shoulder"), at("right_shoulder")];
  const shoulders = left && right ? distance(left, right) : 0;
  return { middle, radius: Math.max(1.9 * apart, 0.3 * shoulders, 6) };
}

function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

function squares(context, { middle: [x, y], radius }) {
  const across = 6;
  const small = document.createElement("canvas");
  small.width = small.height = across;
  const [left, top, side] = [x - radius, y - radius, 2 * radius];
  small.getContext("2d").drawImage(context.canvas, left, top, side, side, 0, 0, across, across);
  context.save();
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.clip();
  context.imageSmoothingEnabled = false;
  context.drawImage(small, left, top, side, side);
  context.restore();
}
