/**
 * Keeps the session in the browser: recording, voice, dials, courses and what waits, so that a reload, Back or a
 * closed page loses nothing. It all stays in the browser, under the studio's own address.
 */

const STORE = "session";

export class Keeper {
  isWorking = true; // private windows and full disks keep nothing
  #database;

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
