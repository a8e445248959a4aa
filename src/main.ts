// The entry point of the executable. Our own re-executions come first and load nothing but their part, because the one
// is waited for and the other stays.

const [verb, ...rest] = process.argv.slice(2);

if (verb === "__launch") {
  const { launchProcess } = await import("./kernel/launch.process.ts");
  launchProcess();
} else if (verb === "__guardian") {
  const { guardianProcess } = await import("./kernel/guardian.process.ts");
  guardianProcess();
} else {
  console.error("actplane: no command line yet", rest.length);
  process.exitCode = 125;
}

export {};
