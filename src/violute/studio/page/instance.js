/**
 * An instance of the core in `live/`, built as `live.wasm`: what it exports, its memory, and how it refuses.
 *
 * It runs on a page, in a worklet, in a worker or in Node, each from the same module, which is compiled once.
 */

/** The core's own rate, at which it plays pieces. */
export const SAMPLE_RATE_HZ = 44100;

const HIGHEST_RATE_HZ = 96000;

/** Whether a stream can have this rate: the core's `VIOLUTE_LOWEST_RATE` to `VIOLUTE_HIGHEST_RATE`. */
export const isStreamRate = (rateHz) => rateHz >= SAMPLE_RATE_HZ && rateHz <= HIGHEST_RATE_HZ;

const LINE_BYTES = 256;
const NO_MEMORY = "there is not enough memory: close other pages";

let compiled = null;

async function compile() {
  const answer = await fetch(new URL("live.wasm", import.meta.url));
  if (!answer.ok) throw new Error("live.wasm is missing on this site: load the page again");
  const bytes = await answer.arrayBuffer();
  return { bytes, module: await WebAssembly.compile(bytes) };
}

/** The module for this page, which is compiled once. */
export async function liveModule() {
  compiled ??= compile().catch((error) => {
    compiled = null; // whoever asks next tries again
    throw error;
  });
  return (await compiled).module;
}

/**
 * Hand the module over to a worker or a worklet: `send(module)`. Where the browser cannot copy that, as some Safaris
 * can't, its bytes are sent, and compiled there. To worklets Chromium copies it in `processorOptions` alone.
 *
 * @returns What `send` does.
 */
export async function handOver(send) {
  const module = await liveModule();
  try {
    return send(module);
  } catch (error) {
    if (error.name !== "DataCloneError") throw error;
    return send((await compiled).bytes);
  }
}

export class Instance {
  /** @param {WebAssembly.Module|ArrayBuffer} given Module or bytes of `live.wasm`. */
  constructor(given) {
    const module = given instanceof WebAssembly.Module ? given : new WebAssembly.Module(given);
    const stop = () => { throw new WebAssembly.RuntimeError("stopped"); };
    const { exports } = new WebAssembly.Instance(module, {
      env: { emscripten_notify_memory_growth() {} },
      wasi_snapshot_preview1: { proc_exit: stop },
    });
    exports._initialize();
    this.exports = exports;
  }

  /** The whole memory; another one after it grew, which it does at no other time than when something is asked. */
  get buffer() { return this.exports.memory.buffer; }

  /** Do what may need more memory than there is: where C++ would throw, the module stops. */
  ask(what) {
    try {
      return what(this.exports);
    } catch (error) {
      throw error instanceof WebAssembly.RuntimeError ? new Error(NO_MEMORY) : error;
    }
  }

  /** Do what answers 0 and writes a line where something is wrong, which is then thrown. */
  askOrRefuse(what) {
    return this.ask((exports) => {
      const line = this.lend(LINE_BYTES);
      const answer = what(exports, line, LINE_BYTES);
      const problem = answer === 0 ? this.text(line) : "";
      exports.free(line);
      if (problem) throw new Error(problem);
      return answer;
    });
  }

  /** Memory of the core's own; what it is given back to is `free`. */
  lend(nBytes) {
    const address = this.ask((exports) => exports.malloc(nBytes));
    if (address === 0) throw new Error(NO_MEMORY);
    return address;
  }

  /** Copy numbers in; returns where they are. */
  put(numbers) {
    const address = this.lend(numbers.byteLength);
    new numbers.constructor(this.buffer, address, numbers.length).set(numbers);
    return address;
  }

  free(...addresses) { for (const address of addresses) this.exports.free(address); }

  /** What stands in C at an address. Worklets have no TextDecoder. */
  text(address) {
    const bytes = new Uint8Array(this.buffer, address);
    const coded = Array.from(bytes.subarray(0, bytes.indexOf(0)), (byte) => `%${byte.toString(16).padStart(2, "0")}`);
    return decodeURIComponent(coded.join(""));
  }
}
