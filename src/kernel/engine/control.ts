// The control_* programs of bpf/control.h: what has to happen in the kernel, beside the programs that judge. Loaded on
// their own, over the maps that are there, when the first of them is needed: a private engine mostly needs none.

import { ownedBytes } from "../../base/bytes.ts";
import type { BpfMap } from "../libbpf/map.ts";
import { BpfObject } from "../libbpf/object.ts";
import type { BpfProgram } from "../libbpf/program.ts";
import { type Control, controlResults, encodeControl } from "../state.ts";

export type ControlResult = (typeof controlResults)[number];

export class Controls {
  readonly #object: BpfObject;

  private constructor(object: BpfObject) {
    this.#object = object;
  }

  /** `content` is the object's; `maps` are the live ones by their names. */
  static load(
    content: Uint8Array,
    kernelTypes: string | null,
    maps: ReadonlyMap<string, BpfMap>,
  ): Controls {
    const object = BpfObject.open("actplane", content, kernelTypes);
    try {
      for (const program of object.programs.values()) program.setAutoload(isControl(program.name));
      for (const map of object.maps.values()) {
        const live = maps.get(map.name);
        if (live === undefined) map.setAutocreate(false);
        else map.reuse(live.fd);
      }
      object.load();
      return new Controls(object);
    } catch (failure) {
      object.close();
      throw failure;
    }
  }

  /** Says to the programs that this process is the tool. */
  start(): void {
    this.#object.program("any_start").run(ownedBytes(8));
  }

  admit(tgid: number, domain: number): ControlResult {
    return this.#ask("control_admit", { tgid, domain });
  }

  /** Of a process that has ended meanwhile nothing is left. */
  move(tgid: number, domain: number): ControlResult {
    return this.#ask("control_admit", { tgid, domain, moves: true });
  }

  approve(session: number, gate: number, open: boolean): ControlResult {
    return this.#ask("control_approve", { session, gate, open });
  }

  forget(session: number): void {
    this.#ask("control_forget", { session });
  }

  /** Marks every image that a file or a moved directory refers to. */
  refer(): void {
    this.#ask("control_refer", {});
  }

  /** Writes down with a file what rules say of its name: `struct shown_file`. */
  get name(): BpfProgram {
    return this.#object.program("any_name");
  }

  close(): void {
    this.#object.close();
  }

  #ask(program: string, ask: Control): ControlResult {
    const result = this.#object.program(program).run(encodeControl(ask));
    return controlResults[result] as ControlResult;
  }
}

function isControl(program: string): boolean {
  return program.startsWith("control_") || program === "any_start" || program === "any_name";
}
