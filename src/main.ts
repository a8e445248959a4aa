// The entry point of the executable.

const [{ cli }, { processIo }, { realHost }] = await Promise.all([
  import("./surface/cli.ts"),
  import("./surface/io.ts"),
  import("./host.ts"),
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

export {};
