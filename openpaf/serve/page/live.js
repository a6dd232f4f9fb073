// Frames to the server and people back, never more frames on their way than it can take.

import { liveSocket } from "./server.js";
import { moved } from "./show.js";

const MAX_ON_THE_WAY = 4;
const LONGEST_RETRY = 8000;
// ms of latency above which the picture waits for the people in it, and below which it no longer
// does: over live picture, old skeletons would stand beside the people.
const LATE = 300;
const PROMPT = 200;
const REFUSED = 1008;

export class Live {
  // video: the element to take frames from; height(): px to send them at; settings(): options.
  // onPeople(result, sent): people in video px; the frame's `latency` in ms, its `moment` in the
  // video in s, and where latency is large the `frame` itself.
  constructor(video, { height, settings, onPeople, onStatus }) {
    Object.assign(this, { video, height, settings, onPeople, onStatus });
    this.sent = new Map();
    this.count = 0;
    this.room = 1;
    this.retry = 500;
    this.encoding = false;
    this.late = false;
    this.small = document.createElement("canvas");
    this.ended = false;
    this.connect();
  }

  connect() {
    this.socket = liveSocket();
    this.socket.onopen = () => {
      this.count = 0;
      this.sent.clear();
      this.retry = 500;
      this.configure();
      this.onStatus("");
      this.offer();
    };
    this.socket.onmessage = (message) => this.receive(JSON.parse(message.data));
    this.socket.onclose = (event) => {
      if (this.ended || event.code === REFUSED) return;
      if (!this.refusal) this.onStatus("connecting again…", true);
      setTimeout(() => this.ended || this.connect(), this.retry);
      this.retry = Math.min(2 * this.retry, LONGEST_RETRY);
    };
  }

  configure() {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(this.settings()));
    }
  }

  end() {
    this.ended = true;
    this.socket.close();
  }

  // Called for every new picture of the video; most are not sent.
  offer() {
    const { video, socket } = this;
    const busy = this.encoding || this.sent.size >= this.room || socket.bufferedAmount > 0;
    if (this.ended || busy || socket.readyState !== WebSocket.OPEN || !video.videoWidth) return;
    const scale = Math.min(1, this.height() / video.videoHeight);
    this.small.width = Math.max(1, Math.round(video.videoWidth * scale));
    this.small.height = Math.max(1, Math.round(video.videoHeight * scale));
    const taken = performance.now();
    const moment = video.currentTime;
    const frame = this.late ? copy(video) : null;
    this.small.getContext("2d").drawImage(video, 0, 0, this.small.width, this.small.height);
    this.encoding = true;
    this.small.toBlob((blob) => {
      this.encoding = false;
      if (!blob || this.ended || socket !== this.socket || socket.readyState !== WebSocket.OPEN) return;
      this.count += 1;
      this.sent.set(this.count, { taken, moment, frame });
      socket.send(blob);
    }, "image/jpeg", 0.85);
  }

  receive(result) {
    this.refusal = result.error;
    if (result.error) this.onStatus(result.error);
    if (!result.frame) return;
    const sent = this.sent.get(result.frame);
    // Frames before this one that were not answered were left out for newer ones.
    for (const number of this.sent.keys()) if (number <= result.frame) this.sent.delete(number);
    if (sent && !result.error) {
      const latency = performance.now() - sent.taken;
      this.makeRoom(latency, result.timings);
      this.late = latency > (this.late ? PROMPT : LATE);
      this.onPeople(inVideo(result, this.video), { ...sent, latency });
    }
    this.offer();
  }

  // Another frame may be on its way for each time the server could have looked at one while this
  // one travelled; more would only wait there and grow old.
  makeRoom(latency, { preprocess, wait, network, decode, hands = 0, face = 0 }) {
    const work = preprocess + network + decode + hands + face;
    const travelled = Math.max(0, latency - work - wait);
    this.room = Math.min(MAX_ON_THE_WAY, 1 + Math.floor(travelled / Math.max(work, 1)));
  }
}

function copy(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas;
}

function inVideo(result, { videoWidth, videoHeight }) {
  const scale = [videoWidth / result.size[0], videoHeight / result.size[1], 1];
  const people = result.people.map((person) => moved(
    person, (value, index) => Math.round(value * scale[index % 3] * 1000) / 1000,
  ));
  return { ...result, people, size: [videoWidth, videoHeight] };
}
