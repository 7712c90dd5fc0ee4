/**
 * Keeps the session in the browser: recording, voice, dials, courses and what waits, so that a reload, Back or a
 * closed page loses nothing. It all stays in the browser, under the studio's own address.
 */

const STORE = "session";

export class Keeper {
  isWorking = true; // private windows and full disks keep nothing
  #database;
  #file = null; // that was kept last

  constructor() {
    this.#database = new Promise((resolve, reject) => {
      const opening = indexedDB.open("violute", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    this.#database.catch(() => { this.isWorking = false; });
  }

  // What was kept under a name, or null.
  async read(name) {
    try {
      return (await this.#ask("readonly", (store) => store.get(name))) ?? null;
    } catch {
      return null;
    }
  }

  async keep(name, content) {
    try {
      await this.#ask("readwrite", (store) => (content === null ? store.delete(name) : store.put(content, name)));
      this.isWorking = true;
    } catch {
      this.isWorking = false;
    }
  }

  // A recording may be large, so its file is written once, whatever else about it changes.
  async keepRecording(recording) {
    const { file = null, ...rest } = recording ?? {};
    if (file !== this.#file) {
      this.#file = file;
      await this.keep("file", file);
    }
    await this.keep("recording", recording && rest);
  }

  async readRecording() {
    const [recording, file] = await Promise.all([this.read("recording"), this.read("file")]);
    if (recording && file) this.#file = recording.file = file;
    return recording;
  }

  async #ask(mode, act) {
    const database = await this.#database;
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  }
}
