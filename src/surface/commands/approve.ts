// `actplane approve`: an operator's word for `unless approved "NAME"`.

import { DaemonAnswers, type DaemonChoice, undoneTold } from "../daemon.ts";
import type { Io } from "../io.ts";
import { printable } from "../text/printable.ts";

export interface ApproveArguments extends DaemonChoice {
  readonly domain: string;
  readonly name: string;
  readonly withdraw?: boolean;
  readonly reason?: string;
}

export function approve(io: Io, given: ApproveArguments): Promise<number> {
  return undoneTold(io, async () => {
    const { domain, name, withdraw, reason } = given;
    const open = withdraw !== true;
    await new DaemonAnswers(io, given).ask("POST", "/v1/approvals", {
      domain,
      name,
      open,
      ...(reason === undefined ? {} : { reason }),
    });
    io.stdout.write(`${open ? "approved" : "withdrawn"}: ${printable(name)}\n`);
    return 0;
  });
}
