// Skeletons and ids on a canvas.

const KEYPOINT = 3;
const SMALL = {
  hands: ["hand_left_keypoints_2d", "hand_right_keypoints_2d"], face: ["face_keypoints_2d"],
};
// Hands and faces are so many lines wide.
const SMALL_A_LINE = { hands: 40, face: 90 };

// people: OpenPose's form, in canvas px; show: what `shown` says.
export function drawPeople(context, people, skeleton, show) {
  const unit = Math.max(context.canvas.height, context.canvas.width) / 640;
  context.lineCap = "round";
  people.forEach((person, place) => {
    const [id] = person.person_id;
    const own = hue(id >= 0 ? id : place);
    const flat = person.pose_keypoints_2d;
    const at = (part) => flat.slice(KEYPOINT * part, KEYPOINT * part + 2);
    const found = (part) => flat[KEYPOINT * part + 2] > 0;
    skeleton.limbs.forEach(([a, b], limb) => {
      if (!found(a) || !found(b)) return;
      const color = show.color === "person" ? `hsl(${own} 85% 60%)` : skeleton.colors[limb];
      // A dark edge, so that it can be seen on any picture.
      stroke(context, at(a), at(b), (2 + show.width) * unit, "rgb(0 0 0 / .45)");
      stroke(context, at(a), at(b), show.width * unit, color);
    });
    skeleton.parts.forEach((_, part) => {
      if (found(part)) dot(context, at(part), 0.73 * show.width * unit, skeleton.part_color);
    });
    if (show.ids && id >= 0) label(context, id, top(skeleton, at, found), unit, `hsl(${own} 75% 40%)`);
  });
}

// Hands and faces of the same people, as fine as each of them is small.
export function drawSmall(context, people, small, show) {
  people.forEach((person, place) => {
    const [id] = person.person_id;
    const own = `hsl(${hue(id >= 0 ? id : place)} 85% 60%)`;
    for (const [name, keys] of Object.entries(SMALL)) {
      if (!small[name]) continue;
      const lines = SMALL_A_LINE[name];
      for (const key of keys) drawOne(context, person[key] ?? [], small[name], show, own, lines);
    }
  });
}

function drawOne(context, flat, skeleton, show, own, lines) {
  const at = (part) => flat.slice(KEYPOINT * part, KEYPOINT * part + 2);
  const found = (part) => flat[KEYPOINT * part + 2] > 0;
  const there = skeleton.parts.map((_, part) => part).filter(found);
  if (!there.length) return;
  const extents = [0, 1].map((axis) => {
    const values = there.map((part) => at(part)[axis]);
    return Math.max(...values) - Math.min(...values);
  });
  const width = Math.max(...extents) / lines;
  skeleton.limbs.forEach(([a, b], limb) => {
    if (!found(a) || !found(b)) return;
    stroke(context, at(a), at(b), width, show.color === "person" ? own : skeleton.colors[limb]);
  });
  for (const part of there) dot(context, at(part), 0.7 * width, skeleton.part_color);
}

// Far from the hues of the numbers beside it.
function hue(number) {
  return (number * 137) % 360;
}

function stroke(context, from, to, width, color) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.lineWidth = width;
  context.strokeStyle = color;
  context.stroke();
}

function dot(context, [x, y], radius, color) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
}

function top(skeleton, at, found) {
  let best = null;
  skeleton.parts.forEach((_, part) => {
    if (found(part) && (best === null || at(part)[1] < best[1])) best = at(part);
  });
  return best;
}

function label(context, id, [x, y], unit, color) {
  const text = String(id);
  context.font = `600 ${11 * unit}px system-ui, sans-serif`;
  const width = context.measureText(text).width + 8 * unit;
  const height = 15 * unit;
  const left = Math.min(Math.max(x - width / 2, 0), context.canvas.width - width);
  const upper = Math.max(y - height - 8 * unit, 0);
  context.fillStyle = color;
  context.beginPath();
  context.roundRect(left, upper, width, height, 4 * unit);
  context.fill();
  context.fillStyle = "#fff";
  context.textBaseline = "middle";
  context.fillText(text, left + 4 * unit, upper + height / 2 + unit / 2);
}
