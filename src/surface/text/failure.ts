// Why the system said no, in words.

const reasons: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["ENOTDIR", "a part of the path is no folder"],
  ["EISDIR", "it is a folder"],
  ["ELOOP", "too many symbolic links"],
  ["EROFS", "the file system is read-only"],
  ["ENOSPC", "no space is left"],
  ["ENAMETOOLONG", "the name is too long"],
  ["EEXIST", "something else is there already"],
  ["EADDRINUSE", "another program has it"],
  ["SQLITE_BUSY", "another daemon has it open"],
  ["SQLITE_FULL", "no space is left"],
  ["SQLITE_NOTADB", "state.sqlite is not a database"],
  ["SQLITE_CANTOPEN", "state.sqlite cannot be opened"],
  ["SQLITE_READONLY", "state.sqlite cannot be written"],
]);

/** As reasonOf, of a file that is to be made: then it is the folder that is missing. */
export function reasonNotToWrite(error: unknown): string {
  const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
  return isMissing ? "there is no such folder" : reasonOf(error);
}

/** A sentence for what `error` says, else its code. */
export function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return reasons.get(code ?? "") ?? code ?? String(error);
}
