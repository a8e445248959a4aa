// An attached program. As long as any descriptor of a link is open, or it is pinned, the program stays attached.

import { type Pointer, ptr } from "bun:ffi";
import { cString } from "../../base/bytes.ts";
import { linkInfo } from "./ids.ts";
import { checkedResult, libbpf } from "./library.ts";

export class BpfLink {
  readonly fd: number;
  /** The kernel's id of the link, by which the guardian opens it. */
  readonly id: number;
  #address: Pointer | null;

  constructor(
    address: Pointer,
    readonly programName: string,
  ) {
    this.#address = address;
    this.fd = libbpf().bpf_link__fd(address);
    this.id = linkInfo(this.fd).id;
  }

  /** Keeps the program attached beyond this process, until the file is removed. */
  pin(path: string): void {
    if (this.#address === null) return;
    const pathBytes = cString(path);
    checkedResult(`bpf_link__pin ${path}`, libbpf().bpf_link__pin(this.#address, ptr(pathBytes)));
  }

  /** Gives up our descriptor; the program is detached unless somebody else holds the link. */
  destroy(): void {
    if (this.#address === null) return;
    libbpf().bpf_link__destroy(this.#address);
    this.#address = null;
  }
}
