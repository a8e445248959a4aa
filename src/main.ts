// The entry point of the executable. The two re-executions of ourselves come first and load nothing but their own part.

const [verb, ...rest] = process.argv.slice(2);

switch (verb) {
  default:
    console.error("actplane: no command line yet", rest.length);
}

export {};
