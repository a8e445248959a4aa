// The shape of a policy document, in the flat form and as a catalogue of rules and domains: reads it and says what is
// wrong with it.
//
// The shape is checked by hand and not with arktype: importing arktype takes longer than everything
// else `actplane check` does (some 100-300 ms), and it knows neither places in the file nor which key
// was meant.

import { type Document, isAlias, isMap, isScalar, isSeq, type Pair, type Scalar } from "yaml";
import { type Diagnostic, hasErrors, type Outcome } from "../base/diagnostic.ts";
import type { Source, Span } from "../base/source.ts";
import type { Name } from "./ast.ts";
import {
  type Binding,
  type DomainEntry,
  documentKeys,
  emptyDocument,
  flat,
  type PolicyDocument,
  type RuleText,
} from "./document.ts";
import type { Fragment } from "./fragment.ts";
import { emptyPolicy } from "./merge.ts";
import { parseFragment } from "./parser.ts";
import { didYouMean } from "./vocabulary.ts";
import { fragmentOf, parseYaml, spanOf } from "./yaml-text.ts";

const ruleKeys = ["ifc", "policy"] as const;
const domainKeys = ["parent", "bind", "disable"] as const;
const bindingKeys = ["rule", "mode"] as const;
const commandKeys = ["value_options"] as const;

/** Each domain is resolved and checked whole. */
const domainsMax = 256;

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** `source` as a YAML or JSON document. A document comes back even when there are errors. */
export function readDocument(source: Source): Outcome<PolicyDocument> {
  const reader = new Reader(source);
  const value = reader.read();
  return { value, diagnostics: reader.diagnostics };
}

/** A key and what stands behind it. */
interface Entry {
  readonly key: Name;
  /** A yaml node, aliases resolved, or null. */
  readonly value: unknown;
  readonly span: Span;
}

class Reader {
  readonly diagnostics: Diagnostic[] = [];
  readonly #source: Source;
  #document: Document | null = null;

  constructor(source: Source) {
    this.#source = source;
  }

  read(): PolicyDocument {
    const empty = emptyDocument(this.#source);
    const { document, diagnostics } = parseYaml(this.#source);
    this.diagnostics.push(...diagnostics);
    if (document === null) return empty;
    this.#document = document;
    const root = this.#resolved(document.contents);
    if (root === null || (isScalar(root) && root.value === null)) {
      this.#fault(
        "D003",
        { start: 0, end: 0 },
        "the document is empty",
        "start with `policy: |` and a rule",
      );
      return empty;
    }
    const top = this.#section(root, "the document", documentKeys);
    if (top === null) return empty;
    return this.#readTop(top, empty);
  }

  #readTop(top: ReadonlyMap<string, Entry>, empty: PolicyDocument): PolicyDocument {
    this.#checkVersion(top.get("version"));
    for (const key of ["feedback", "runtime"]) {
      const entry = top.get(key);
      if (entry !== undefined) this.#warnMeaningless(entry);
    }
    const settings = {
      workspace: this.#maybeText(top.get("workspace")),
      require: this.#maybeWord(top.get("require"), ["block"] as const),
      allow: this.#maybeWord(top.get("allow"), ["degraded"] as const),
      commands: this.#readCommands(top.get("commands")),
    };
    return { ...empty, ...settings, ...this.#readForm(top) };
  }

  #checkVersion(entry: Entry | undefined): void {
    if (entry === undefined) return;
    const value = isScalar(entry.value) ? entry.value.value : undefined;
    if (value === 1) return;
    this.#fault(
      "D007",
      entry.span,
      "this version of the document format is not known",
      "write `version: 1`",
    );
  }

  #warnMeaningless({ key }: Entry): void {
    this.#add(
      "warning",
      "D019",
      key.span,
      `\`${key.text}\` has no meaning here and is not used`,
      "delete the section; where feedback goes is said on the command line",
    );
  }

  // ------------------------------------------------------------------------------------------ forms

  #readForm(top: ReadonlyMap<string, Entry>): Partial<PolicyDocument> {
    const policy = top.get("policy");
    const others = ["rules", "domains", "default_domain"].flatMap((key) => top.get(key) ?? []);
    const [other] = others;
    const isBlank = policy === undefined || isNothing(policy.value);
    if (!isBlank && other !== undefined) {
      this.#fault(
        "D008",
        other.key.span,
        `\`policy\` and \`${other.key.text}\` stand in one document`,
        "move the text of `policy` into a rule of the catalogue",
        [{ source: this.#source, span: policy.key.span, message: "the flat form starts here" }],
      );
    }
    if (!isBlank || (policy !== undefined && other === undefined)) {
      const text = this.#readRuleText(policy.key, policy);
      // A catalogue beside it is read too, for its own faults.
      if (other !== undefined) this.#readCatalogue(top);
      return text === null ? {} : flat(text);
    }
    if (other === undefined) {
      this.#fault(
        "D009",
        { start: 0, end: 0 },
        "the document has no policy",
        "write `policy: |` and a rule, or `rules:` and `domains:`",
      );
      return {};
    }
    return { form: "catalogue", ...this.#readCatalogue(top) };
  }

  #readCatalogue(
    top: ReadonlyMap<string, Entry>,
  ): Pick<PolicyDocument, "rules" | "domains" | "defaultDomain"> {
    const rules = new Map<string, RuleText>();
    for (const entry of this.#entries(top.get("rules"), "`rules`")) {
      // A rule whose text is missing is known all the same, so that its bindings are not faults of their own.
      rules.set(entry.key.text, this.#readRule(entry) ?? this.#brokenRule(entry.key));
    }
    const domains = new Map<string, DomainEntry>();
    for (const entry of this.#entries(top.get("domains"), "`domains`")) {
      domains.set(entry.key.text, this.#readDomain(entry));
    }
    if (domains.size > domainsMax) {
      const place = top.get("domains")?.key.span ?? { start: 0, end: 0 };
      this.#fault(
        "D022",
        place,
        `the document has more than ${domainsMax} domains`,
        "split it into several documents",
      );
      return { rules, domains: new Map(), defaultDomain: null };
    }
    const defaultDomain = this.#maybeName(top.get("default_domain"));
    const [missing] = ["rules", "domains"].filter((key) => top.get(key) === undefined);
    const [present] = ["rules", "domains", "default_domain"].flatMap((key) => top.get(key) ?? []);
    if (missing !== undefined && present !== undefined) {
      this.#fault(
        "D009",
        present.key.span,
        `the catalogue has no \`${missing}\``,
        "a catalogue is `rules:` and `domains:`",
      );
    }
    return { rules, domains, defaultDomain };
  }

  #brokenRule(name: Name): RuleText {
    const fragment: Fragment = { source: this.#source, text: "", place: () => name.span.start };
    return { name, fragment, policy: emptyPolicy, isBroken: true };
  }

  #readRule(entry: Entry): RuleText | null {
    if (isNothing(entry.value)) return this.#readRuleText(entry.key, entry);
    // `NAME: |` with the text itself is what one tries first; it says the same.
    if (isText(entry.value)) return this.#readRuleText(entry.key, entry);
    const section = this.#section(
      entry.value,
      `the rule \`${entry.key.text}\``,
      ruleKeys,
      entry.key.span,
    );
    if (section === null) return null;
    const ifc = section.get("ifc");
    const policy = section.get("policy");
    if (ifc !== undefined && policy !== undefined) {
      this.#fault(
        "D008",
        policy.key.span,
        `the rule \`${entry.key.text}\` has both \`ifc\` and \`policy\``,
        "keep `ifc`",
      );
    }
    const body = ifc ?? policy;
    if (body === undefined) {
      this.#fault(
        "D010",
        entry.key.span,
        `the rule \`${entry.key.text}\` is empty`,
        "write its text behind `ifc: |`",
      );
      return null;
    }
    return this.#readRuleText(entry.key, body);
  }

  #readRuleText(name: Name, { key, value, span }: Entry): RuleText | null {
    if (isNothing(value)) {
      this.#fault(
        "D010",
        key.span,
        key.text === "policy" ? "the policy is empty" : `the rule \`${name.text}\` is empty`,
        "write a rule: `rule NAME:` and its clauses",
      );
      return null;
    }
    if (!isText(value)) {
      this.#wrongType(
        span,
        `\`${key.text}\``,
        "policy text",
        "write `|` behind the key and the text below it",
      );
      return null;
    }
    const fragment = fragmentOf(value, this.#source);
    const parsed = parseFragment(fragment);
    this.diagnostics.push(...parsed.diagnostics);
    return { name, fragment, policy: parsed.value, isBroken: hasErrors(parsed.diagnostics) };
  }

  #readDomain(entry: Entry): DomainEntry {
    const name = entry.key;
    if (!namePattern.test(name.text)) {
      this.#fault(
        "D024",
        name.span,
        `\`${name.text}\` is not a name for a domain`,
        "use letters, digits, `_`, `-` and `.`",
      );
    }
    const nothing: DomainEntry = { name, parent: null, bind: [], disable: [] };
    if (isNothing(entry.value)) return nothing;
    const section = this.#section(entry.value, `the domain \`${name.text}\``, domainKeys);
    if (section === null) return nothing;
    return {
      name,
      parent: this.#maybeName(section.get("parent")),
      bind: this.#items(section.get("bind")).flatMap((item) => this.#readBinding(item, name)),
      disable: this.#items(section.get("disable")).flatMap((item) => this.#parseName(item) ?? []),
    };
  }

  #readBinding(item: unknown, domain: Name): Binding[] {
    if (!isMap(item)) {
      const rule = this.#parseName(item);
      return rule === null ? [] : [{ rule, mode: "locked" }];
    }
    const section = this.#section(item, `a binding of the domain \`${domain.text}\``, bindingKeys);
    const rule = this.#maybeName(section?.get("rule"));
    if (section !== null && section.get("rule") === undefined) {
      this.#fault("D006", spanOf(item), "the binding names no rule", "write `rule: NAME`");
    }
    const mode = this.#maybeWord(section?.get("mode"), ["locked", "default"] as const);
    return rule === null ? [] : [{ rule, mode: mode ?? "locked" }];
  }

  /** `commands: {terraform: [-chdir]}`, or with the list behind `value_options`. */
  #readCommands(entry: Entry | undefined): ReadonlyMap<string, readonly string[]> {
    const commands = new Map<string, readonly string[]>();
    for (const command of this.#entries(entry, "`commands`")) {
      const section = isMap(command.value)
        ? this.#section(command.value, `the command \`${command.key.text}\``, commandKeys)
        : null;
      const list = section === null ? command : section.get("value_options");
      const options = this.#items(list).flatMap((item) => this.#parseName(item) ?? []);
      for (const option of options) {
        if (option.text.startsWith("-")) continue;
        this.#fault(
          "D018",
          option.span,
          `\`${option.text}\` is not an option`,
          "an option starts with `-`",
        );
      }
      commands.set(
        command.key.text,
        options.map(({ text }) => text),
      );
    }
    return commands;
  }

  // ------------------------------------------------------------------------------------------ nodes

  /** The entries of a mapping with known keys; null where the node is none. */
  #section(
    node: unknown,
    what: string,
    keys: readonly string[],
    place: Span = spanOf(node),
  ): ReadonlyMap<string, Entry> | null {
    if (!isMap(node)) {
      const isTop = keys === documentKeys;
      this.#fault(
        isTop ? "D004" : "D006",
        isTop ? firstLine(this.#source) : place,
        `${what} is not a mapping`,
        isTop ? "start with `policy: |` and a rule" : `write it as \`${keys[0]}: ...\``,
      );
      return null;
    }
    const entries = new Map<string, Entry>();
    for (const entry of this.#pairs(node.items)) {
      const { text, span } = entry.key;
      if (!keys.includes(text)) {
        const help =
          didYouMean(text, keys) ??
          `the keys here are ${keys.map((key) => `\`${key}\``).join(", ")}`;
        this.#fault("D005", span, `unknown key \`${text}\` in ${what}`, help);
      } else if (!isNull(entry.value) || text === "policy" || text === "ifc")
        entries.set(text, entry);
    }
    return entries;
  }

  /** The entries of a mapping whose keys are the author's. */
  #entries(entry: Entry | undefined, what: string): Entry[] {
    if (entry === undefined || isNull(entry.value)) return [];
    if (!isMap(entry.value)) {
      this.#wrongType(entry.span, what, "a mapping of names", "write `NAME:` below it");
      return [];
    }
    return this.#pairs(entry.value.items);
  }

  #pairs(pairs: readonly Pair[]): Entry[] {
    const firsts = new Map<string, Name>();
    return pairs.flatMap((pair): Entry[] => {
      const keyNode = this.#resolved(pair.key);
      const key =
        isScalar(keyNode) && keyNode.value !== null ? this.#parseName(keyNode, true) : null;
      if (key === null) {
        this.#fault("D006", spanOf(keyNode), "a key is a name", "write `NAME: ...`");
        return [];
      }
      const first = firsts.get(key.text);
      if (first !== undefined) {
        this.#fault(
          "D002",
          key.span,
          `the key \`${key.text}\` stands here twice`,
          "keep one of them",
          [{ source: this.#source, span: first.span, message: "first written here" }],
        );
        return [];
      }
      firsts.set(key.text, key);
      const value = this.#resolved(pair.value);
      return [{ key, value, span: isNull(value) ? key.span : spanOf(value) }];
    });
  }

  #items(entry: Entry | undefined): unknown[] {
    if (entry === undefined || isNull(entry.value)) return [];
    if (!isSeq(entry.value)) {
      this.#wrongType(entry.span, `\`${entry.key.text}\``, "a list", "write `- NAME` below it");
      return [];
    }
    return entry.value.items.map((item) => this.#resolved(item));
  }

  #maybeText(entry: Entry | undefined): string | null {
    return this.#maybeName(entry)?.text ?? null;
  }

  #maybeName(entry: Entry | undefined): Name | null {
    return entry === undefined ? null : this.#parseName(entry.value);
  }

  #parseName(node: unknown, isKey = false): Name | null {
    const value = isScalar(node) ? node.value : undefined;
    const isName = typeof value === "string" && value.trim() !== "";
    if (isName) return { text: value, span: spanOf(node) };
    // `rule: 1` and `yes: ...` are names that YAML took for something else.
    if (isScalar(node) && (typeof value === "number" || typeof value === "boolean")) {
      return { text: node.source ?? String(value), span: spanOf(node) };
    }
    if (!isKey) this.#wrongType(spanOf(node), "this", "a name");
    return null;
  }

  #maybeWord<T extends string>(entry: Entry | undefined, words: readonly T[]): T | null {
    const name = this.#maybeName(entry);
    if (name === null || entry === undefined) return null;
    const word = words.find((candidate) => candidate === name.text);
    if (word !== undefined) return word;
    const help =
      didYouMean(name.text, words) ?? `write ${words.map((known) => `\`${known}\``).join(" or ")}`;
    this.#fault("D018", name.span, `\`${name.text}\` is no value of \`${entry.key.text}\``, help);
    return null;
  }

  #resolved(node: unknown): unknown {
    if (!isAlias(node) || this.#document === null) return node;
    const target = node.resolve(this.#document);
    if (target === undefined) {
      this.#fault(
        "D001",
        spanOf(node),
        `the anchor \`&${node.source}\` is not defined`,
        "define it before its use",
      );
    }
    return target ?? null;
  }

  // ------------------------------------------------------------------------------------ diagnostics

  #wrongType(span: Span, what: string, wanted: string, help?: string): void {
    this.#fault("D006", span, `${what} is not ${wanted}`, help);
  }

  #fault(
    code: string,
    span: Span,
    message: string,
    help?: string,
    related?: Diagnostic["related"],
  ): void {
    this.#add("error", code, span, message, help, related);
  }

  #add(
    severity: Diagnostic["severity"],
    code: string,
    span: Span,
    message: string,
    help?: string,
    related?: Diagnostic["related"],
  ): void {
    this.diagnostics.push({
      severity,
      code,
      message,
      source: this.#source,
      span,
      ...(help === undefined ? {} : { help }),
      ...(related === undefined ? {} : { related }),
    });
  }
}

function isText(node: unknown): node is Scalar<string> {
  return isScalar(node) && typeof node.value === "string";
}

function isNull(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

/** Null, or text without anything in it. */
function isNothing(node: unknown): boolean {
  return isNull(node) || (isText(node) && node.value.trim() === "");
}

function firstLine(source: Source): Span {
  const end = source.text.search(/\r?\n/);
  return { start: 0, end: end === -1 ? source.text.length : end };
}
