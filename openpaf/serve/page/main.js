// The page: a camera, a video or a picture; the people in it; what can be set and saved.

import { $ } from "./dom.js";
import { Live } from "./live.js";
import { Keypoints, Recorder, savePicture } from "./save.js";
import { detect, models, setToken, token } from "./server.js";
import { onShowChange } from "./show.js";
import { clear, paint, say, showFrame, showPicture, view } from "./view.js";

const HEIGHTS = [128, 192, 256, 320, 368, 432, 512, 624, 736];
const CLOSE_HEIGHT = 720;
const CLOSER = ["hands", "face"];
const video = document.createElement("video");
Object.assign(video, { muted: true, playsInline: true });

let offered = []; // models
let skeleton = null;
let small = {}; // skeletons of hands and faces, as far as the model offers them
let picture = null; // { file, bitmap } while a picture is shown
let live = null; // while a camera or a video is
let shown = []; // people
let frame = null; // the one they are in, where it is shown instead of the live picture
let keypoints = new Keypoints();
let files = []; // those opened together
let place = 0; // of the one that is shown
let recorder = null;

// --- settings

function settings() {
  const closer = CLOSER.filter((name) => !$(`find-${name}`).disabled);
  return {
    ...Object.fromEntries(closer.map((name) => [name, $(`find-${name}`).checked])),
    model: $("model").value,
    net_height: Number($("net-height").value),
    looks: $("looks").value,
    peak_threshold: Number($("peak-threshold").value),
    min_score: Number($("min-score").value),
  };
}

function chooseModel() {
  const model = offered.find(({ name }) => name === $("model").value);
  skeleton = model.skeleton;
  small = {};
  for (const name of CLOSER) {
    const offer = model.closer[name];
    $(`find-${name}`).disabled = !offer;
    $(`find-${name}`).checked = offer?.usual ?? false;
    if (offer) small[name] = offer.skeleton;
  }
  $("closer").hidden = !Object.keys(small).length;
  $("peak-threshold").value = model.peak_threshold;
  $("min-score").value = model.min_score;
  $("looks").replaceChildren(...model.looks.map((name) => new Option(name, name)));
  const heights = [...new Set([...HEIGHTS, model.net_height])].sort((a, b) => a - b);
  $("net-height").replaceChildren(
    ...heights
      .filter((height) => height % 16 === 0 && height <= model.max_net_height)
      .map((height) => new Option(`${height} px`, height, false, height === model.net_height)),
  );
  $("net-height").disabled = model.net_size !== null;
}

// Hands and faces are looked at in the frame itself, not in the network's small picture of it.
function frameHeight() {
  const { net_height, hands, face } = settings();
  return hands || face ? Math.max(net_height, CLOSE_HEIGHT) : net_height;
}

function changed() {
  $("peak-value").value = $("peak-threshold").value;
  $("score-value").value = $("min-score").value;
  if (live) live.configure();
  else if (picture) lookAtPicture();
}

async function load() {
  try {
    offered = await models();
  } catch (error) {
    const closed = error.status === 401;
    $("token-form").hidden = !closed;
    $("welcome").hidden = true;
    say(closed ? (token() ? "that is not the token" : "this server wants a token") : error.message);
    return;
  }
  $("token-form").hidden = true;
  $("welcome").hidden = false;
  say("");
  $("model").replaceChildren(...offered.map(({ name }) => new Option(name, name)));
  chooseModel();
  changed();
}

// --- what is looked at

async function useCamera(deviceId) {
  stop();
  files = [];
  if (!navigator.mediaDevices) {
    say("browsers give the camera only to pages from https or from this machine");
    return;
  }
  const wanted = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { ...wanted, width: { ideal: 1280 }, height: { ideal: 720 } },
      audio: false,
    });
  } catch (error) {
    say(error.name === "NotAllowedError" ? "the camera was not allowed" : "there is no camera");
    return;
  }
  await listCameras();
  await follow();
}

async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  const current = video.srcObject.getVideoTracks()[0].getSettings().deviceId;
  $("cameras").replaceChildren(
    ...cameras.map(({ label, deviceId }, index) =>
      new Option(label || `camera ${index + 1}`, deviceId, false, deviceId === current)),
  );
  $("cameras-row").hidden = cameras.length < 2;
}

// What is shown stays until it is clear that the browser can show the file.
async function useFile(file) {
  const isVideo = file.type.startsWith("video/");
  let bitmap = null;
  try {
    if (isVideo) await readable(file);
    else bitmap = await createImageBitmap(file);
  } catch {
    say(`${file.name} is not a picture or a video that the browser can show`);
    return;
  }
  stop();
  if (isVideo) {
    video.src = URL.createObjectURL(file);
    $("pause").hidden = false;
    await follow();
    return;
  }
  picture = { file, bitmap };
  begin(bitmap.width, bitmap.height);
  await lookAtPicture();
}

function readable(file) {
  const tried = document.createElement("video");
  return new Promise((resolve, reject) => {
    Object.assign(tried, { onloadedmetadata: resolve, onerror: reject, preload: "metadata" });
    tried.src = URL.createObjectURL(file);
  }).finally(() => URL.revokeObjectURL(tried.src));
}

async function useFiles(chosen) {
  if (!skeleton || !chosen.length) return;
  files = [...chosen];
  place = 0;
  await turnTo(0);
}

async function turnTo(number) {
  place = (number + files.length) % files.length;
  $("which").textContent = `${place + 1} of ${files.length} · ${files[place].name}`;
  await useFile(files[place]);
  $("several").hidden = files.length < 2;
}

async function follow() {
  try {
    await video.play();
  } catch {
    say("this is not a video that the browser can play");
    stop();
    return;
  }
  begin(video.videoWidth, video.videoHeight);
  $("stop").hidden = false;
  $("record").hidden = !Recorder.possible;
  live = new Live(video, {
    height: frameHeight,
    settings,
    onPeople: showPeople,
    onStatus: say,
  });
  onNextFrame();
}

async function lookAtPicture() {
  const asked = picture;
  say("looking…", true);
  const started = performance.now();
  try {
    const { body, timings } = await detect(asked.file, settings());
    if (picture !== asked) return;
    keypoints = new Keypoints();
    keypoints.add(body);
    say("");
    shown = body.people;
    showPicture(shown.length, performance.now() - started, timings);
    repaint();
  } catch (error) {
    say(error.message);
  }
}

function begin(width, height) {
  view.width = width;
  view.height = height;
  $("welcome").hidden = true;
  $("another").disabled = $("save").disabled = false;
  repaint();
}

function stop() {
  live?.end();
  recorder?.stop();
  video.srcObject?.getTracks().forEach((track) => track.stop());
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
  live = picture = recorder = null;
  shown = [];
  frame = null;
  keypoints = new Keypoints();
  clear();
  say("");
  for (const id of ["cameras-row", "record", "stop", "pause", "several"]) $(id).hidden = true;
  $("another").disabled = $("save").disabled = true;
  $("pause").textContent = "Pause";
  showRecording();
  $("welcome").hidden = false;
}

// --- what is shown

function onNextFrame() {
  if (!live) return;
  if (video.videoWidth && (view.width !== video.videoWidth || view.height !== video.videoHeight)) {
    view.width = video.videoWidth; // a phone that is turned
    view.height = video.videoHeight;
  }
  repaint();
  live.offer();
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(onNextFrame);
  else requestAnimationFrame(onNextFrame);
}

function repaint() {
  if (live || picture) paint(frame ?? (live ? video : picture.bitmap), shown, skeleton, small);
}

function showPeople(result, sent) {
  shown = result.people;
  frame = sent.frame;
  keypoints.add({ time: sent.moment, ...result });
  showFrame(shown.length, sent.latency, result.timings);
  repaint();
}

function showRecording() {
  $("record").setAttribute("aria-pressed", String(recorder !== null));
  $("record").textContent = recorder ? "Stop recording" : "Record";
}

// --- buttons

$("camera").onclick = () => useCamera();
$("cameras").onchange = () => useCamera($("cameras").value);
$("file").onchange = async () => {
  await useFiles([...$("file").files]);
  $("file").value = "";
};
$("another").onclick = () => $("file").click();
$("previous").onclick = () => turnTo(place - 1);
$("next").onclick = () => turnTo(place + 1);
$("stop").onclick = stop;
onShowChange(repaint);
$("pause").onclick = () => {
  if (video.paused) video.play();
  else video.pause();
};
video.onplay = () => { $("pause").textContent = "Pause"; };
video.onpause = () => { $("pause").textContent = "Play"; };
$("model").onchange = () => { chooseModel(); changed(); };
for (const id of ["net-height", "looks", "find-hands", "find-face", "min-score", "peak-threshold"]) {
  $(id).onchange = changed;
}
for (const id of ["min-score", "peak-threshold"]) {
  $(id).oninput = () => {
    $("peak-value").value = $("peak-threshold").value;
    $("score-value").value = $("min-score").value;
  };
}
$("save-picture").onclick = () => savePicture(view);
$("save-keypoints").onclick = () => keypoints.save("openpaf-keypoints");
$("record").onclick = () => {
  if (recorder) {
    recorder.stop();
    recorder = null;
  } else {
    recorder = new Recorder(view);
  }
  showRecording();
};
$("token-form").onsubmit = (event) => {
  event.preventDefault();
  setToken($("token").value);
  load();
};
document.addEventListener("keydown", ({ key, target }) => {
  if (files.length < 2 || $("several").hidden || target.matches("input, select")) return;
  if (key === "ArrowLeft") turnTo(place - 1);
  if (key === "ArrowRight") turnTo(place + 1);
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("stage").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") useFiles([...event.dataTransfer.files]);
  });
}

load();
