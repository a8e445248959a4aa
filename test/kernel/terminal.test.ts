// The launched command at a terminal, as a person at an interactive shell sees it: keys, stopping, continuing.

import { afterEach, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { bun } from "./compile.ts";

setDefaultTimeout(60_000);
const run = join(import.meta.dir, "fixtures/run.ts");

let end: () => void = () => {};
afterEach(() => end());

/** An interactive bash on a terminal of its own; `$RUN` before a command runs it under the launcher. */
async function startShell() {
  let screen = "";
  const shell = Bun.spawn(["bash", "--norc", "--noprofile", "-i"], {
    env: { ...process.env, RUN: `${bun} ${run}`, PS1: "$ ", TERM: "dumb", HISTFILE: "" },
    terminal: {
      cols: 200,
      rows: 50,
      data: (_, bytes) => (screen += Buffer.from(bytes).toString()),
    },
  });
  const terminal = shell.terminal!;
  end = () => {
    shell.kill("SIGKILL");
    terminal.close();
  };
  /** Waits for `pattern` in what came since the last time. */
  async function see(pattern: RegExp): Promise<void> {
    const deadline = performance.now() + 15_000;
    for (;;) {
      const found = pattern.exec(screen);
      if (found !== null) {
        screen = screen.slice(found.index + found[0].length);
        return;
      }
      if (performance.now() > deadline) {
        throw new Error(`no ${pattern} on the screen: ${JSON.stringify(screen)}`);
      }
      await Bun.sleep(10);
    }
  }
  await see(/\$ /);
  return { type: (keys: string) => terminal.write(keys), see };
}

const [ctrlC, ctrlZ, ctrlBackslash] = ["\x03", "\x1a", "\x1c"];

test("Ctrl-C ends the command and we report 130", async () => {
  const { type, see } = await startShell();
  type("$RUN sh -c 'echo r\"\"eady; exec sleep 100'\n");
  await see(/ready/);
  type(ctrlC);
  await see(/\$ /);
  type("echo code=$?\n");
  await see(/code=130\r/);
});

test("a command that handles Ctrl-C goes on, and so do we", async () => {
  const { type, see } = await startShell();
  type('$RUN bash -c \'trap "echo cau""ght" INT; echo r""eady; read line; echo got $line\'\n');
  await see(/ready/);
  type(ctrlC);
  await see(/caught/);
  type("word\n");
  await see(/got word/);
});

test("Ctrl-\\ ends the command and we report 131", async () => {
  const { type, see } = await startShell();
  type("ulimit -c 0; $RUN sh -c 'echo r\"\"eady; exec sleep 100'\n");
  await see(/ready/);
  type(ctrlBackslash);
  await see(/\$ /);
  type("echo code=$?\n");
  await see(/code=131\r/);
});

test("Ctrl-Z stops the command and us; fg continues both", async () => {
  const { type, see } = await startShell();
  type("$RUN bash -c 'echo r\"\"eady; read line; echo got $line'\n");
  await see(/ready/);
  type(ctrlZ);
  await see(/Stopped/);
  type("ps -o stat= -p $(jobs -p)\n");
  await see(/T\S*\r\n/);
  type("fg\n");
  await see(/RUN bash/);
  type("word\n");
  await see(/got word/);
  type("echo code=$?\n");
  await see(/code=0\r/);
});

test("a command that stops itself stops us too", async () => {
  const { type, see } = await startShell();
  type("$RUN sh -c 'kill -STOP $$; echo on again'\n");
  await see(/Stopped/);
  type("fg\n");
  await see(/on again/);
});

test("a command that ignores Ctrl-Z is not left behind", async () => {
  const { type, see } = await startShell();
  type('$RUN bash -c \'trap "" TSTP; echo r""eady; read line; echo got $line\'\n');
  await see(/ready/);
  type(ctrlZ);
  type("word\n");
  await see(/got .*word/);
});

test("an interactive shell inside has its own job control", async () => {
  const { type, see } = await startShell();
  type("PS1='inner> ' $RUN bash --norc --noprofile -i\n");
  await see(/inner> /);
  type("sleep 100\n");
  await see(/sleep 100\r\n/);
  await Bun.sleep(200);
  type(ctrlC);
  await see(/inner> /);
  type("echo code=$?\n");
  await see(/code=130\r/);
  type("suspend\n");
  await see(/Stopped/);
  type("echo outer; fg\n");
  await see(/outer\r\n/);
  await see(/inner> /);
  type("exit 5\n");
  await see(/\$ /);
  type("echo code=$?\n");
  await see(/code=5\r/);
});
