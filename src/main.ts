// The entry point of the executable.

import { realHost } from "./host.ts";

// Whoever still waits for something then is at work, and worth the compiler's time that a start is not (scripts/build.sh).
const startMs = 500;
setTimeout(() => Bun.unsafe.setJITPolicy(1), startMs).unref();

// For another processor, while this one reads the rest of us and the policy. What fails is told where it is asked for.
if (process.argv[2] === "run") realHost.prepareKernel().catch(() => {});

const [{ cli }, { processIo }] = await Promise.all([
  import("./surface/cli.ts"),
  import("./surface/io.ts"),
]);
const io = processIo();
try {
  process.exitCode = await cli(process.argv.slice(2), io, realHost);
} catch (error) {
  // Without this the runtime prints pages of our minified source.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.stderr.write(`actplane: this is a fault of actplane, please report it\n${text}\n`);
  process.exitCode = 125;
}
