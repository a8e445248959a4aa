// The entry point of the executable. Our own re-executions come first and load nothing but their part, because the one
// is waited for and the other stays.

const [verb] = process.argv.slice(2);

if (verb === "__launch") {
  const { launchProcess } = await import("./kernel/launch.process.ts");
  launchProcess();
} else if (verb === "__guardian") {
  const { guardianProcess } = await import("./kernel/guardian.process.ts");
  guardianProcess();
} else {
  const [{ cli }, { processIo }, { realHost }] = await Promise.all([
    import("./surface/cli.ts"),
    import("./surface/io.ts"),
    import("./host.ts"),
  ]);
  try {
    process.exitCode = await cli(process.argv.slice(2), processIo(), realHost);
  } catch (error) {
    // Without this the runtime prints pages of our minified source.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`actplane: this is a fault of actplane, please report it\n${text}\n`);
    process.exitCode = 125;
  }
}

export {};
