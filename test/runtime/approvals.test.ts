// An approval is for the rules of a session that wait for it, and ends with the last of them: in the engine, in the
// store, and for a daemon that is started anew.

import { describe, expect, test } from "bun:test";
import { makePlane, operator, type Plane, refusalOf, restarted, stateFolder } from "./plane.ts";

const base = 'rule base: block exec "rm"';
const waiting = 'rule waits: block exec "dd" unless approved "go"';
const waitingShort = 'rule waits-shortly: block exec "mv" unless approved "go" within 1h';
const labelled = 'source GO = approval "go"\nrule if-go: block exec "cp" if not GO';

/** The gates of the session that an operator's word holds open. */
function openGates(plane: Plane, id: string): number[] {
  const { number } = plane.control.existing(id).session;
  return [...plane.engine.approvals].flatMap(([key, open]) => {
    const [session, gate] = key.split(" ").map(Number);
    return open && session === number ? [gate as number] : [];
  });
}

function words(plane: Plane): string[] {
  const rows = plane.store.all<{ name: string; open: number }>("SELECT name, open FROM approvals");
  return rows.map(({ name, open }) => `${name} ${open === 1 ? "open" : "shut"}`);
}

function say(plane: Plane, id: string, open: boolean): Promise<string> {
  return refusalOf((async () => plane.control.approve(operator, id, "go", open, null))());
}

const audited = (plane: Plane) =>
  plane.control.audit.after(null, 0, 100).flatMap(({ action, domain, detail }) => {
    return action.startsWith("appro") ? [`${action} ${domain} ${detail.name}`] : [];
  });

describe("an approval ends", () => {
  test("with the only text that waits for it, and is given again when that comes back", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    await plane.add(operator, id, waiting);
    expect(await say(plane, id, true)).toBe("accepted");
    expect([openGates(plane, id), words(plane)]).toEqual([[0], ["go open"]]);
    await plane.control.removeText(operator, id, 2);
    expect([openGates(plane, id), words(plane)]).toEqual([[], []]);
    expect(await say(plane, id, false)).toBe("not-found");
    await plane.add(operator, id, waiting);
    expect([openGates(plane, id), words(plane)]).toEqual([[], []]);
    expect(await say(plane, id, true)).toBe("accepted");
    expect(openGates(plane, id)).toEqual([0]);
    expect(audited(plane)).toEqual([
      `approved ${id} go`,
      `approval-ended ${id} go`,
      `approved ${id} go`,
    ]);
  });
  test("not while another domain of the session waits for it", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    const child = await plane.make(waiting, { parent: id });
    const other = await plane.make(waiting, { parent: id });
    await say(plane, id, true);
    await plane.control.endDomain(operator, child);
    expect([openGates(plane, id), words(plane)]).toEqual([[0], ["go open"]]);
    await plane.control.endDomain(operator, other);
    expect([openGates(plane, id), words(plane)]).toEqual([[], []]);
    const again = await plane.make(waiting, { parent: id });
    expect(openGates(plane, again)).toEqual([]);
  });
  test("with a text of a parent that its children waited for too", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    await plane.make("", { parent: id });
    await plane.add(operator, id, waiting);
    await say(plane, id, true);
    await plane.control.removeText(operator, id, 2);
    expect([openGates(plane, id), words(plane)]).toEqual([[], []]);
  });
  test("for each time that it is waited for within", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    await plane.add(operator, id, waiting);
    await plane.add(operator, id, waitingShort);
    await say(plane, id, true);
    await plane.control.removeText(operator, id, 2);
    expect([openGates(plane, id), words(plane)]).toEqual([[1], ["go open"]]);
    await plane.add(operator, id, waiting);
    expect(openGates(plane, id)).toEqual([1]);
  });
  test("as a label, with the source that gives it", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    await plane.add(operator, id, labelled);
    await say(plane, id, true);
    expect(openGates(plane, id)).toEqual([0]);
    await plane.control.removeText(operator, id, 2);
    await plane.add(operator, id, labelled);
    expect(openGates(plane, id)).toEqual([]);
  });
  test("with a text that was given it and could not be put in force everywhere", async () => {
    const plane = makePlane();
    const id = await plane.make(base);
    await plane.make("", { parent: id });
    const { number } = plane.control.existing(id);
    const { engine } = plane;
    const setDomain = engine.setDomain.bind(engine);
    let full = true;
    engine.setDomain = async (domain, ...rest) => {
      if (domain === number || !full) return setDomain(domain, ...rest);
      // Between the two domains.
      expect(await say(plane, id, true)).toBe("accepted");
      full = false;
      throw new Error("no room");
    };
    expect(await refusalOf(plane.add(operator, id, waiting)).catch(() => "failed")).not.toBe(
      "accepted",
    );
    expect(full).toBe(false);
    expect([openGates(plane, id), words(plane)]).toEqual([[], []]);
  });
  test("with its session", async () => {
    const plane = makePlane();
    const id = await plane.make(waiting);
    await say(plane, id, true);
    await plane.control.endDomain(operator, id);
    expect(words(plane)).toEqual([]);
  });
});

describe("a daemon that is started anew", () => {
  const kept = async (work: (before: Plane) => Promise<string>) => {
    const { folder, remove } = stateFolder();
    const before = makePlane(folder);
    const id = await work(before);
    const after = await restarted(before, folder);
    const found = [openGates(after, id), words(after)];
    after.store.close();
    remove();
    return found;
  };
  test("leaves approvals as they are that are waited for", async () => {
    const found = await kept(async (before) => {
      const id = await before.make(waiting);
      await say(before, id, true);
      return id;
    });
    expect(found).toEqual([[0], ["go open"]]);
  });
  test("ends those that nothing waits for since a text was removed and not yet out of the kernel", async () => {
    const found = await kept(async (before) => {
      const id = await before.make(base);
      await before.add(operator, id, waiting);
      await say(before, id, true);
      before.engine.setDomain = () => new Promise(() => {});
      void before.control.removeText(operator, id, 2);
      await Bun.sleep(20);
      before.engine.setDomain = Object.getPrototypeOf(before.engine).setDomain;
      expect(openGates(before, id)).toEqual([0]);
      return id;
    });
    expect(found).toEqual([[], []]);
  });
  test("shuts what an earlier daemon left open for a text that is gone", async () => {
    const found = await kept(async (before) => {
      const id = await before.make(base);
      await before.add(operator, id, waiting);
      await before.control.removeText(operator, id, 2);
      before.engine.approve(before.control.existing(id).session.number, 0, true);
      return id;
    });
    expect(found).toEqual([[], []]);
  });
  test("takes back what was taken back on the disk and not yet in the kernel", async () => {
    const found = await kept(async (before) => {
      const id = await before.make(waiting);
      await say(before, id, true);
      before.store.run("UPDATE approvals SET open = 0");
      return id;
    });
    expect(found).toEqual([[], ["go shut"]]);
  });
  test("remembers none of a kernel that was started anew", async () => {
    const found = await kept(async (before) => {
      const id = await before.make(waiting);
      await say(before, id, true);
      before.engine.domains.clear();
      return id;
    });
    expect(found).toEqual([[], []]);
  });
});
