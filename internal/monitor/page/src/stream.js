// Frames from the server: the newest one, at most once an animation frame.

const RETRY = 2000; // ms
// Longer without a frame, and the connection is tried: the comments that the server sends do
// not reach this program.
const SILENCE = 20000;
const ANSWER = 5000;

export class Stream {
  /**
   * frame gets each frame that is to be drawn, lost whether the connection is, and refused is
   * called when the server does not have what was asked for.
   */
  constructor({ frame, lost, refused }) {
    this.onFrame = frame;
    this.onLost = lost;
    this.onRefused = refused;
    this.query = "";
    this.isLost = false;
    setInterval(() => this.#probe(), ANSWER);
  }

  /** open asks for frames with these parameters, in place of those before. */
  open(parameters) {
    this.query = new URLSearchParams(parameters).toString();
    this.#connect();
  }

  #connect() {
    clearTimeout(this.retry);
    this.source?.close();
    this.text = null;
    const source = new EventSource(`events?${this.query}`);
    this.source = source;
    this.heard = performance.now();
    source.onmessage = (event) => {
      this.heard = performance.now();
      this.#setLost(false);
      this.text = event.data; // in place of an earlier one that is not drawn yet
      this.drawing ??= requestAnimationFrame(() => this.#draw());
    };
    source.onerror = () => {
      this.#setLost(true);
      source.close();
      clearTimeout(this.retry);
      this.retry = setTimeout(() => this.#reconnect(source), RETRY);
    };
  }

  // An EventSource does not tell a refusal from a server that is gone.
  async #reconnect(source) {
    let status = 0;
    try {
      status = (await fetch(`snapshot?${this.query}`, { signal: AbortSignal.timeout(ANSWER) })).status;
    } catch {
      // There is no server; the next attempt follows.
    }
    if (this.source !== source) return;
    if (status >= 400 && status < 500) this.onRefused();
    else this.#connect();
  }

  #draw() {
    this.drawing = null;
    if (this.text === null) return;
    const frame = JSON.parse(this.text);
    this.text = null;
    this.onFrame(frame);
  }

  async #probe() {
    if (this.isLost || performance.now() - this.heard < SILENCE) return;
    try {
      await fetch("snapshot?points=100", { signal: AbortSignal.timeout(ANSWER) });
      this.heard = performance.now();
    } catch {
      this.#setLost(true);
      this.#connect();
    }
  }

  #setLost(isLost) {
    if (isLost === this.isLost) return;
    this.isLost = isLost;
    this.onLost(isLost);
  }
}
