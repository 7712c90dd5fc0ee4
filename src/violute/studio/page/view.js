/** What a hand does to a stretch of time, on either picture: click to go there, drag to loop, wheel to zoom. */

const DRAG_PIXELS = 5;

export class View {
  #box; #timeline; #actions; #head; #band;
  #width = 0; // asked for at every frame of playing, it would cost a layout each time

  // `actions`: seek(seconds), loop([start, end] or null). `isSelecting` is false where dragging means something else.
  constructor(box, timeline, actions, { isSelecting = true } = {}) {
    this.#box = box;
    this.#timeline = timeline;
    this.#actions = actions;
    this.#head = box.querySelector(".head");
    this.#band = box.querySelector(".loop");
    if (isSelecting) this.#listen();
    box.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    for (const name of ["view", "loop"]) timeline.addEventListener(name, () => this.#show());
    timeline.addEventListener("position", () => this.#showHead());
    new ResizeObserver(() => {
      this.#width = box.clientWidth;
      this.#show();
    }).observe(box);
  }

  #at(event) {
    const bounds = this.#box.getBoundingClientRect();
    return this.#timeline.at((event.clientX - bounds.left) / bounds.width);
  }

  #listen() {
    let from = null;
    let isDrag = false;
    this.#box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#box.setPointerCapture(event.pointerId);
      from = { x: event.clientX, seconds: this.#at(event) };
      isDrag = false;
    });
    this.#box.addEventListener("pointermove", (event) => {
      if (!from) return;
      isDrag ||= Math.abs(event.clientX - from.x) > DRAG_PIXELS;
      if (isDrag) this.#timeline.setLoop([from.seconds, this.#at(event)].sort((a, b) => a - b));
    });
    this.#box.addEventListener("pointerup", () => {
      if (!from) return;
      if (isDrag) this.#actions.loop(this.#timeline.loop);
      else this.#actions.seek(from.seconds);
      from = null;
    });
    this.#box.addEventListener("pointercancel", () => { from = null; });
  }

  #wheel(event) {
    const isAcross = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    // A plain wheel scrolls the page where the page is long; elsewhere it zooms.
    const isLong = document.documentElement.scrollHeight > innerHeight + 2;
    if (!isAcross && isLong && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const way = isAcross ? event.deltaX || event.deltaY : event.deltaY;
    if (isAcross) this.#timeline.scroll((way / this.#box.clientWidth) * this.#timeline.span);
    else this.#timeline.zoom(1.0015 ** -way, this.#at(event));
  }

  #showHead() {
    const x = this.#timeline.place(this.#timeline.seconds) * this.#width;
    const isOutside = x < -1 || x > this.#width + 1;
    if (this.#head.hidden !== isOutside) this.#head.hidden = isOutside;
    this.#head.style.transform = `translateX(${x.toFixed(1)}px)`;
  }

  #show() {
    this.#showHead();
    this.#band.hidden = this.#timeline.loop === null;
    if (!this.#timeline.loop) return;
    const [left, right] = this.#timeline.loop.map((seconds) => this.#timeline.place(seconds) * this.#width);
    this.#band.style.transform = `translateX(${left.toFixed(1)}px)`;
    this.#band.style.width = `${Math.max(2, right - left).toFixed(1)}px`;
  }
}
