/** Whether this is the executable, and not the sources under Bun as in the tests. */
export const compiled = import.meta.url.startsWith("file:///$bunfs/");
