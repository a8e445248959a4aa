// Domains as they are made, tightened, ended and found again: the books in memory, on disk and in the engine agree.

import { describe, expect, test } from "bun:test";
import {
  anyone,
  makePlane,
  member,
  operator,
  type Plane,
  refusalOf,
  restarted,
  stateFolder,
} from "./plane.ts";

const base = 'rule base: block exec "rm"';

describe("a disk that is full", () => {
  const long = `rule more: block exec "dd" because "${"x".repeat(100_000)}"`;
  const fill = (plane: ReturnType<typeof makePlane>) =>
    plane.store.run("PRAGMA max_page_count = 1");
  test("a domain that has no room is nowhere, in memory or in the engine", async () => {
    const plane = makePlane();
    fill(plane);
    const made = plane.control.createDomain(operator, {
      name: "x",
      policy: { name: "p", text: long },
    });
    await expect(made).rejects.toThrow("the disk that the daemon keeps its state on is full");
    expect([[...plane.registry.domains], [...plane.registry.sessions]]).toEqual([[], []]);
    plane.store.run("PRAGMA max_page_count = 1000000");
    expect(await plane.make(long)).toBe("d2");
  });
  test("a text that has no room holds nowhere, and may be added again", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    const before = plane.control.existing(id).revision;
    fill(plane);
    await expect(plane.add(operator, id, long)).rejects.toThrow("is full");
    const { texts, revision } = plane.control.existing(id);
    expect([texts.length, revision]).toEqual([1, before]);
    plane.store.run("PRAGMA max_page_count = 1000000");
    expect(await refusalOf(plane.add(operator, id, long))).toBe("accepted");
  });
});

describe("who may do what", () => {
  test("only operators make domains without a parent", async () => {
    const plane = makePlane();
    const given = { name: "x" };
    expect(await refusalOf(plane.control.createDomain(anyone, given))).toBe("not-allowed");
    expect(await refusalOf(plane.control.createDomain(operator, given))).toBe("accepted");
  });
  test("a member makes children of its own domain, and of no other", async () => {
    const plane = makePlane();
    const [one, other] = [await plane.make(base), await plane.make(base)];
    const { domain } = await plane.control.createDomain(member(one), { name: "child" });
    expect(domain.parent?.id).toBe(one);
    const given = { name: "child", parent: other };
    expect(await refusalOf(plane.control.createDomain(member(one), given))).toBe("not-allowed");
  });
  test("a member tightens its own domain: not its parent, its child or a sibling", async () => {
    const plane = makePlane();
    const root = await plane.make(base);
    const one = await plane.make("", { parent: root });
    const other = await plane.make("", { parent: root });
    const text = 'rule more: block exec "dd"';
    expect(await refusalOf(plane.add(member(one), root, text))).toBe("not-allowed");
    expect(await refusalOf(plane.add(member(one), other, text))).toBe("not-allowed");
    expect(await refusalOf(plane.add(member(root), one, text))).toBe("not-allowed");
    expect(await refusalOf(plane.add(member(one), one, text))).toBe("accepted");
  });
  test("members end nothing and take nothing away", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    expect(await refusalOf(plane.control.endDomain(member(id), id))).toBe("not-allowed");
    expect(await refusalOf(plane.control.removeText(member(id), id, 1))).toBe("not-allowed");
  });
});

test("what is added to a parent holds in its children, those of today and tomorrow", async () => {
  const plane = makePlane();
  const root = await plane.make(base);
  const child = await plane.make('rule own: block exec "dd"', { parent: root });
  await plane.add(member(root), root, 'rule more: block exec "mkfs"');
  const later = await plane.make("", { parent: root });
  expect(plane.rules(child)).toEqual(["base", "more", "own"]);
  expect(plane.rules(later)).toEqual(["base", "more"]);
});

test("a rule's name that a child has cannot be added to its parent", async () => {
  const plane = makePlane();
  const root = await plane.make(base);
  await plane.make('rule own: block exec "dd"', { parent: root });
  expect(await refusalOf(plane.add(member(root), root, 'rule own: block exec "x"'))).toBe(
    "policy-loosens T003",
  );
});

test("a clause of the parent has one number in all its domains", async () => {
  const plane = makePlane();
  const root = await plane.make(base);
  const child = await plane.make('rule own: block exec "dd"', { parent: root });
  await plane.add(member(root), root, 'rule more: block exec "mkfs"');
  const ids = (id: string) =>
    new Map(plane.control.existing(id).compiled?.clauses.map((c) => [c.rule.name.text, c.id]));
  expect(ids(child).get("more")).toBe(ids(root).get("more") as number);
  expect(new Set(ids(child).values()).size).toBe(3);
});

describe("a gate of one domain", () => {
  const gated = (rule: string, program: string) =>
    `rule ${rule}: block exec "${program}" unless after exec "make" "test" exits 0 since write "/src/**"`;
  const shuts = (plane: Plane, id: string) =>
    plane.engine.domains.get(plane.control.existing(id).number)?.image.join(" ");

  test("is shut from all of its session, whoever brings it, and opened from nowhere else", async () => {
    const plane = makePlane();
    const root = await plane.make(base);
    const child = await plane.make("", { parent: root });
    const before = [shuts(plane, root), shuts(plane, child)];
    const { revision } = plane.control.existing(root);
    const other = await plane.make(gated("own", "git"), { parent: root });
    expect(shuts(plane, root)).not.toBe(before[0] as string);
    expect(shuts(plane, child)).not.toBe(before[1] as string);
    expect(plane.control.existing(root).revision).toBe(revision);
    expect(plane.control.existing(root).compiled?.gates).toEqual([]);
    expect(plane.control.existing(other).compiled?.gates).toHaveLength(1);
    const generation = plane.control.existing(root).generation;
    await plane.add(
      member(other),
      other,
      'rule same: block exec "tar" unless after exec "make" "test" exits 0 since write "/src/**"',
    );
    expect(plane.control.existing(root).generation).toBe(generation);
    await plane.add(
      operator,
      child,
      'rule more: block exec "dd" unless after exec "ls" since write "/a"',
    );
    expect(plane.control.existing(root).generation).toBe(generation + 1);
    expect(plane.control.existing(other).generation).toBe(3);
  });
  test("stays shut from them by a daemon that is started anew", async () => {
    const { folder, remove } = stateFolder();
    const before = makePlane(folder);
    const root = await before.make(base);
    await before.make(gated("own", "git"), { parent: root });
    const image = shuts(before, root);
    before.engine.domains.clear();
    const after = await restarted(before, folder);
    expect(shuts(after, root)).toBe(image as string);
    after.store.close();
    remove();
  });
});

describe("changes", () => {
  test("a dry run answers the same and changes nothing", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    const { verdicts } = await plane.add(member(id), id, 'rule more: block exec "dd"', {
      dryRun: true,
    });
    expect(verdicts.map(({ verdict }) => verdict.kind)).toEqual(["blocked-before"]);
    expect(plane.rules(id)).toEqual(["base"]);
    expect(plane.engine.domains.size).toBe(1);
  });
  test("at a revision that has passed are refused", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    const add = (text: string, ifRevision: number) =>
      plane.control.addText(
        member(id),
        id,
        { name: "t", text },
        { dryRun: false, ifRevision, degraded: false },
      );
    expect(await refusalOf(add('rule a: block exec "a"', 1))).toBe("accepted");
    expect(await refusalOf(add('rule b: block exec "b"', 1))).toBe("generation-differs");
    expect(await refusalOf(add('rule b: block exec "b"', 2))).toBe("accepted");
  });
  test("at the same time follow each other: of two rules of one name one is refused", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    const answers = await Promise.all(
      ["x", "y"].map((program) =>
        refusalOf(plane.add(member(id), id, `rule same: block exec "${program}"`)),
      ),
    );
    expect(answers.sort()).toEqual(["accepted", "policy-loosens T003"]);
  });
  test("that the kernel has no room for leave everything as it was", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    const { setDomain } = plane.engine;
    plane.engine.setDomain = async () => {
      plane.engine.setDomain = setDomain;
      const { EngineFull } = await import("../../src/kernel/kernel.ts");
      throw new EngineFull();
    };
    expect(await refusalOf(plane.add(member(id), id, 'rule more: block exec "dd"'))).toBe(
      "no-room",
    );
    expect(plane.rules(id)).toEqual(["base"]);
    expect(await refusalOf(plane.add(member(id), id, 'rule more: block exec "dd"'))).toBe(
      "accepted",
    );
  });
  test("are refused where this host would carry them out weaker, unless that is accepted", async () => {
    const plane = makePlane();
    Object.assign(plane.engine, { tier: "tracepoint" });
    const text = 'rule etc: block write "/etc/**"';
    expect(await refusalOf(plane.make(text))).toBe("policy-weak-here");
    const id = await plane.make(text, { degraded: true });
    expect(plane.rules(id)).toEqual(["etc"]);
  });
  test("are audited with who did them", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    await plane.add(member(id), id, 'rule more: block exec "dd"');
    expect(plane.store.all("SELECT caller, action, domain FROM audit ORDER BY id")).toEqual([
      { caller: "operator uid 0 pid 1", action: "domain-made", domain: id },
      { caller: `member ${id} by socket uid 1000 pid 3`, action: "policy-added", domain: id },
    ]);
  });
});

test("an operator takes a text away", async () => {
  const plane = makePlane();
  const id = await plane.make(base);
  await plane.add(member(id), id, 'rule more: block exec "dd"');
  await plane.control.removeText(operator, id, 2);
  expect(plane.rules(id)).toEqual(["base"]);
});

describe("ending", () => {
  test("only where nobody is left", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    const { number } = plane.control.existing(id);
    plane.engine.admit(10, number);
    expect(await refusalOf(plane.control.endDomain(operator, id))).toBe("domain-in-use");
    plane.engine.exit(10);
    expect(await refusalOf(plane.control.endDomain(operator, id))).toBe("accepted");
    expect(await refusalOf(plane.control.endDomain(operator, id))).toBe("domain-ended");
    expect(plane.engine.domains.size).toBe(0);
  });
  test("a number is used again, an id never", async () => {
    const plane = makePlane();
    const first = await plane.make(base);
    const { number } = plane.control.existing(first);
    await plane.control.endDomain(operator, first);
    const second = await plane.make(base);
    expect(plane.control.existing(second).number).toBe(number);
    expect(second).not.toBe(first);
  });
});

describe("a daemon that is started anew", () => {
  test("finds domains, texts, tokens and numbers as they were, and sets nothing again", async () => {
    const { folder, remove } = stateFolder();
    const before = makePlane(folder);
    const { domain, token } = await before.control.createDomain(operator, {
      name: "agent",
      policy: {
        name: "p",
        text: 'define s = "/s"\nsource A = file @s\nrule base: block exec "rm" if A',
      },
    });
    const child = await before.make("rule own: block read @s", { parent: domain.id });
    await before.add(member(domain.id), domain.id, 'rule more: block exec "dd"');
    const after = await restarted(before, folder);
    expect(after.rules(child)).toEqual(["base", "more", "own"]);
    expect(after.registry.byToken(token ?? "")?.id).toBe(domain.id);
    expect(after.control.existing(child).revision).toBe(2);
    expect(after.engine.domains.get(domain.number)?.generation).toBe(2);
    expect(after.control.existing(child).session.numbering).toEqual(domain.session.numbering);
    after.store.close();
    remove();
  });
  test("puts in force what was written and not set before it died", async () => {
    const { folder, remove } = stateFolder();
    const before = makePlane(folder);
    const id = await before.make(base);
    before.engine.setDomain = () => new Promise(() => {});
    void before.add(member(id), id, 'rule more: block exec "dd"');
    await Bun.sleep(20);
    const { setDomain } = Object.getPrototypeOf(before.engine);
    before.engine.setDomain = setDomain;
    const { number } = before.control.existing(id);
    expect(before.engine.domains.get(number)?.generation).toBe(1);
    const after = await restarted(before, folder);
    expect(after.rules(id)).toEqual(["base", "more"]);
    expect(after.engine.domains.get(number)?.generation).toBe(2);
    after.store.close();
    remove();
  });
  test("makes everything anew where the kernel was started anew", async () => {
    const { folder, remove } = stateFolder();
    const before = makePlane(folder);
    const id = await before.make(base);
    before.engine.domains.clear();
    const after = await restarted(before, folder);
    expect(after.rules(id)).toEqual(["base"]);
    expect(after.engine.domains.size).toBe(1);
    after.store.close();
    remove();
  });
});
