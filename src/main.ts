// The entry point of the executable. Our own re-executions come first and load nothing but their part, because the one
// is waited for and the other stays.

const verb = process.argv[2];

if (verb === "__launch") {
  const { launchProcess } = await import("./kernel/launch.process.ts");
  launchProcess();
} else if (verb === "__guardian") {
  const { guardianProcess } = await import("./kernel/guardian.process.ts");
  guardianProcess();
} else {
  const [{ cli }, { processIo }] = await Promise.all([
    import("./surface/cli.ts"),
    import("./surface/io.ts"),
  ]);
  process.exitCode = await cli(process.argv.slice(2), processIo());
}

export {};
