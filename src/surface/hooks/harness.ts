// What the agent harnesses have in common: a settings file that names commands for moments of a turn,
// and a contract in which such a command answers. A harness is a value; nothing here touches a file or
// the daemon.
//
//   const given = JSON.parse(stdin);
//   claude.answer(given, { text, isUrgent })     -> what to print, or null: say nothing now

/** Where a harness keeps its settings. */
export type Scope = "project" | "user";

export const harnessNames = ["claude", "codex", "gemini", "openhands"] as const;
export type HarnessName = (typeof harnessNames)[number];

export interface Harness {
  readonly name: HarnessName;
  /** As people call it. */
  readonly title: string;
  /** From the project's folder and from the user's home. */
  readonly settings: Readonly<Record<Scope, string>>;
  /** It reads `//` comments in its settings. */
  readonly hasComments: boolean;
  /** Moments in which it asks us. */
  readonly events: readonly string[];
  /** Where in the settings the events are, given what is there. */
  readonly place: (settings: unknown, event: string) => readonly string[];
  /** What is registered for each event. */
  readonly group: (command: string) => HookGroup;
  /** What a person still has to do, if anything. */
  readonly afterwards: string | null;
  /** Whether it is told of something that failed a moment ago, of which a record may still be on its way. */
  readonly isFailure: (input: HookInput) => boolean;
  /** The answer to the input of one hook; null: this moment cannot carry it, so it waits for the next. */
  readonly answer: (input: HookInput, told: Told) => object | null;
}

export interface HookGroup {
  readonly matcher?: string;
  readonly hooks: readonly Readonly<Record<string, unknown>>[];
}

/** The JSON that a harness posts or writes to standard input. */
export type HookInput = Readonly<Record<string, unknown>>;

export interface Told {
  /** For the model, never empty. */
  readonly text: string;
  /** Something was refused or killed: reason enough to let a turn go on. */
  readonly isUrgent: boolean;
}

/** Seconds a hook may take: it asks a socket on this machine and never waits. */
export const timeoutSeconds = 10;

/** Claude Code's way, which others follow: context beside the result of a tool or a prompt. */
export function contextAnswer(event: string, text: string): object {
  return { hookSpecificOutput: { hookEventName: event, additionalContext: text } };
}

export function isTrue(value: unknown): boolean {
  return value === true;
}
