// Results as files.

const KEPT_LINES = 10000;

export function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function savePicture(canvas) {
  canvas.toBlob((blob) => saveBlob(blob, `openpaf-${stamp()}.png`), "image/png");
}

// One JSON object for a picture, one a line for a video.
export class Keypoints {
  constructor() {
    this.lines = [];
  }

  add(result) {
    this.lines.push(JSON.stringify(result));
    if (this.lines.length > KEPT_LINES) this.lines.shift();
  }

  save(name) {
    const text = this.lines.join("\n") + "\n";
    saveBlob(new Blob([text], { type: "application/json" }), `${name}-${stamp()}.json`);
  }
}

export class Recorder {
  static possible = "MediaRecorder" in window && "captureStream" in HTMLCanvasElement.prototype;

  constructor(canvas) {
    const kind = ["video/mp4", "video/webm"].find((type) => MediaRecorder.isTypeSupported(type));
    this.recorder = new MediaRecorder(canvas.captureStream(), { mimeType: kind });
    const parts = [];
    this.recorder.ondataavailable = (event) => parts.push(event.data);
    this.recorder.onstop = () => {
      const ending = kind.split("/")[1];
      saveBlob(new Blob(parts, { type: kind }), `openpaf-${stamp()}.${ending}`);
    };
    this.recorder.start(1000);
  }

  stop() {
    if (this.recorder.state !== "inactive") this.recorder.stop();
  }
}

function stamp() {
  return new Date().toISOString().slice(0, 19).replaceAll(":", "-");
}
