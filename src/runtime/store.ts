// What outlives the daemon: domains, their texts, feedback, events, audit. SQLite in WAL mode.
//
// What people and agents change is on the disk (`synchronous = FULL`) before it is answered. What the kernel half told
// is written before anybody is told of it, and reaches the disk with the next change or checkpoint: killing the daemon
// loses none of it. A power cut may, of the last moments, together with the processes it is about. Waiting for the
// disk each time would have readers wait as well: here for 6 ms mostly and for 44 ms one time in a hundred.
//
// The store keeps rows and asks no questions; what they mean is for registry.ts, queue.ts and event-log.ts.

import { Database, SQLiteError, type SQLQueryBindings, type Statement } from "bun:sqlite";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";

/** Of the tables. Another one is not opened: an older program does not guess at a newer one's rows. */
const layoutVersion = 1;

const layout = `
  CREATE TABLE sessions(
    id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL, workspace TEXT NOT NULL, home TEXT NOT NULL,
    numbering TEXT NOT NULL, ended TEXT
  ) STRICT;
  CREATE TABLE domains(
    id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL UNIQUE, number INTEGER NOT NULL, session INTEGER NOT NULL,
    parent TEXT, name TEXT NOT NULL, disabled TEXT NOT NULL, degraded INTEGER NOT NULL, token_hash TEXT NOT NULL,
    made_by TEXT NOT NULL, made TEXT NOT NULL, generation INTEGER NOT NULL, revision INTEGER NOT NULL, ended TEXT
  ) STRICT;
  CREATE TABLE texts(
    domain TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, policy_domain TEXT,
    added_by TEXT NOT NULL, added TEXT NOT NULL, removed TEXT, PRIMARY KEY(domain, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE feedback(
    domain TEXT NOT NULL, seq INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY(domain, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE queues(
    domain TEXT PRIMARY KEY, last INTEGER NOT NULL, acked INTEGER NOT NULL, dropped INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE events(
    id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, domain TEXT NOT NULL, event TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_of_domain ON events(domain, id);
  CREATE INDEX events_of_session ON events(session, id);
  CREATE TABLE audit(
    id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, caller TEXT NOT NULL, action TEXT NOT NULL,
    domain TEXT, detail TEXT NOT NULL
  ) STRICT;
  CREATE TABLE approvals(
    session INTEGER NOT NULL, name TEXT NOT NULL, open INTEGER NOT NULL, time TEXT NOT NULL, PRIMARY KEY(session, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE answers(
    caller TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    time TEXT NOT NULL, PRIMARY KEY(caller, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE counts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** The state folder belongs to another version. */
export class StoreTaken extends Error {
  override name = "StoreTaken";
}

/** The state folder cannot be made, opened or written; `cause` says why. */
export class StoreUnusable extends Error {
  override name = "StoreUnusable";
}

/** There is no room for what was to be written, and nothing of it was. */
export class StoreFull extends Error {
  override name = "StoreFull";

  constructor() {
    super("the disk that the daemon keeps its state on is full");
  }
}

export class Store {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();
  /** What takes back, in memory, the transaction that runs. */
  #undo: (() => void)[] | null = null;

  /** `folder` null: in memory, for tests. */
  constructor(folder: string | null) {
    try {
      this.#database = openDatabase(folder);
      this.#lay();
    } catch (cause) {
      if (cause instanceof StoreTaken) throw cause;
      throw new StoreUnusable(`the state cannot be kept in ${folder}`, { cause });
    }
  }

  #lay(): void {
    const version = this.one<{ user_version: number }>("PRAGMA user_version")?.user_version;
    if (version === layoutVersion) return;
    if (version !== 0) {
      throw new StoreTaken(
        `the state was written by another version of actplane (layout ${version}, this one reads ${layoutVersion})`,
      );
    }
    this.transaction(() => {
      this.#database.run(layout);
      this.#database.run(`PRAGMA user_version = ${layoutVersion}`);
    });
  }

  run(sql: string, ...values: SQLQueryBindings[]): void {
    told(() => this.#statement(sql).run(...values));
  }

  one<Row>(sql: string, ...values: SQLQueryBindings[]): Row | null {
    return this.#statement(sql).get(...values) as Row | null;
  }

  all<Row>(sql: string, ...values: SQLQueryBindings[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  /** All of it or nothing; on the disk when this returns. */
  transaction<T>(work: () => T): T {
    const outer = this.#undo;
    const undo: (() => void)[] = [];
    this.#undo = undo;
    try {
      const result = told(() => this.#database.transaction(work).immediate());
      outer?.push(...undo);
      return result;
    } catch (failure) {
      for (const step of undo.toReversed()) step();
      throw failure;
    } finally {
      this.#undo = outer;
    }
  }

  /** Whoever keeps rows in memory as well says here how a change of it is taken back where the transaction fails. */
  onFailure(step: () => void): void {
    this.#undo?.push(step);
  }

  /** As transaction, but on the disk only a little later: a process that is killed loses nothing, a machine may. */
  written<T>(work: () => T): T {
    this.#database.run("PRAGMA synchronous = NORMAL");
    try {
      return this.transaction(work);
    } finally {
      this.#database.run("PRAGMA synchronous = FULL");
    }
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    this.#database.close();
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function openDatabase(folder: string | null): Database {
  if (folder !== null) {
    // Nobody but root reads what agents did, or who may do what.
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }
  const database = new Database(folder === null ? ":memory:" : join(folder, "state.sqlite"));
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = FULL");
  database.run("PRAGMA locking_mode = EXCLUSIVE");
  database.run("PRAGMA busy_timeout = 2000");
  return database;
}

function told<T>(work: () => T): T {
  try {
    return work();
  } catch (failure) {
    throw failure instanceof SQLiteError && failure.code === "SQLITE_FULL"
      ? new StoreFull()
      : failure;
  }
}
