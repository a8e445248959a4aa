// Endpoint patterns: which addresses, which ports, which protocol. Their shape and the parser of the
// notation. Names are resolved elsewhere; here a name is only a name.

import { type PatternProblem, parseGlob } from "./glob.ts";

export interface PortRange {
  readonly low: number;
  /** Inclusive. */
  readonly high: number;
}

export type Protocol = "tcp" | "udp";

export type Endpoint =
  /** `"*"`, perhaps with a port: every address. */
  | { readonly kind: "any"; readonly protocol: Protocol | null; readonly ports: PortRange | null }
  /**
   * An address and how many leading bits count. `address` is always 16 bytes; IPv4 is its mapped form
   * ::ffff:a.b.c.d and `prefixBits` then counts from the start of those 16 bytes (so 10.0.0.0/8 is 104).
   * ActPlane's dotted prefix `10.0.` is 112.
   */
  | {
      readonly kind: "address";
      readonly protocol: Protocol | null;
      readonly address: readonly number[];
      readonly prefixBits: number;
      readonly ports: PortRange | null;
    }
  /** A host name or a host glob such as `*.github.com`, lower case. */
  | {
      readonly kind: "host";
      readonly protocol: Protocol | null;
      readonly host: string;
      readonly ports: PortRange | null;
    }
  /** `unix:/path/*` or `unix:@name`. */
  | { readonly kind: "unix"; readonly abstract: boolean; readonly pattern: string };

export interface ParsedEndpoint {
  readonly endpoint: Endpoint;
  readonly problems: readonly PatternProblem[];
}

/** RFC 1035: no name is longer; with a port and a prefix there is room to spare. */
const endpointLengthMax = 512;
/** sun_path holds 108 bytes, one of them the NUL in front or behind. */
const unixNameBytesMax = 107;

/**
 * `text` as an endpoint:
 *
 *     *                      every address            10.0.0.0/8        a network
 *     10.0.                  ActPlane's dotted prefix 2001:db8::/32     a network
 *     127.0.0.1:8080         a port                   [::1]:8000-8080   a range of ports
 *     *.github.com:443       names below a name       tcp://1.2.3.4     one protocol
 *     unix:/run/docker.sock  a path socket            unix:@name        an abstract socket
 */
export function parseEndpoint(text: string): ParsedEndpoint {
  const reader = new EndpointReader(text);
  const endpoint = reader.read();
  return { endpoint, problems: reader.problems };
}

class EndpointReader {
  readonly problems: PatternProblem[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Endpoint {
    const text = this.#text;
    if (text.length === 0) {
      return this.#fault(
        0,
        0,
        "the pattern is empty",
        "write `any` to match every address",
        "P040",
      );
    }
    if (text.length > endpointLengthMax) {
      return this.#fault(
        0,
        text.length,
        `an endpoint is longer than ${endpointLengthMax} characters`,
      );
    }
    if (text.startsWith("unix:")) return this.#readUnix();
    const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text);
    if (scheme === null) return this.#readAddress(null, 0);
    const name = (scheme[1] as string).toLowerCase();
    if (name !== "tcp" && name !== "udp") {
      return this.#fault(
        0,
        scheme[0].length,
        `\`${scheme[0]}\` is no protocol of an endpoint`,
        "write `tcp://` or `udp://`, or only the host and the port: `example.com:443`",
      );
    }
    return this.#readAddress(name, scheme[0].length);
  }

  #readUnix(): Endpoint {
    const start = "unix:".length;
    const abstract = this.#text[start] === "@";
    const patternStart = abstract ? start + 1 : start;
    const pattern = this.#text.slice(patternStart);
    if (pattern.length === 0) {
      return this.#fault(
        0,
        this.#text.length,
        "the socket has no name",
        "write `unix:/path` or `unix:@name`",
      );
    }
    for (const problem of parseGlob(pattern).problems) {
      this.problems.push({
        ...problem,
        start: problem.start + patternStart,
        end: problem.end + patternStart,
      });
    }
    if (abstract && Buffer.byteLength(pattern) > unixNameBytesMax) {
      this.#fault(
        patternStart,
        this.#text.length,
        `an abstract socket's name is longer than ${unixNameBytesMax} bytes`,
      );
    }
    return { kind: "unix", abstract, pattern };
  }

  /** What follows the protocol: an address, a network or a name, and perhaps a port. */
  #readAddress(protocol: Protocol | null, start: number): Endpoint {
    const rest = this.#text.slice(start);
    if (rest.startsWith("[") && /^\[[0-9A-Fa-f:.%]*(?:\]|\/\d*\])/.test(rest)) {
      return this.#readBracketed(protocol, start);
    }
    // Two colons are an IPv6 address: it takes a port only in brackets.
    if (rest.indexOf(":") !== rest.lastIndexOf(":")) {
      return this.#network(protocol, start, this.#text.length, null);
    }
    const colon = rest.indexOf(":");
    const end = colon === -1 ? this.#text.length : start + colon;
    const ports = colon === -1 ? null : this.#ports(end + 1);
    if (end === start) {
      return this.#fault(start, end + 1, "the address is missing", `did you mean \`*${rest}\`?`);
    }
    const host = this.#text.slice(start, end);
    if (host === "*" || host === "**") return { kind: "any", protocol, ports };
    // `10.*` and `10.*.*.*` are what people write for the dotted prefix.
    const dotted = /^((?:\d+\.){1,3})(?:\*\.)*\*?$/.exec(host);
    if (dotted !== null) return this.#dottedPrefix(protocol, start, dotted[1] as string, ports);
    if (/^[\d.]+(?:\/.*)?$/.test(host)) return this.#network(protocol, start, end, ports);
    return this.#host(protocol, start, end, ports);
  }

  #readBracketed(protocol: Protocol | null, start: number): Endpoint {
    const close = this.#text.indexOf("]", start);
    const after = this.#text.slice(close + 1);
    // `[2001:db8::]/32:443` and `[2001:db8::/32]:443` mean the same.
    const suffix = /^(\/\d*)?(?::(.*))?$/s.exec(after);
    if (suffix === null) {
      return this.#fault(
        close + 1,
        this.#text.length,
        `\`${after}\` does not belong behind \`]\``,
        "write `[address]:port`",
      );
    }
    const prefix = suffix[1] ?? "";
    const ports = suffix[2] === undefined ? null : this.#ports(close + 2 + prefix.length);
    return this.#network(protocol, start + 1, close, ports, prefix);
  }

  #network(
    protocol: Protocol | null,
    start: number,
    end: number,
    ports: PortRange | null,
    prefixBehind = "",
  ): Endpoint {
    const written = this.#text.slice(start, end) + prefixBehind;
    const cut = written.indexOf("/");
    const literal = cut === -1 ? written : written.slice(0, cut);
    const isIPv6 = literal.includes(":");
    const address = isIPv6 ? parseIPv6(literal) : parseIPv4(literal);
    if (address === null) {
      const help = isIPv6
        ? "an IPv6 address with a port stands in brackets: `[::1]:443`"
        : ipv4Help(literal);
      return this.#fault(start, start + literal.length, `\`${literal}\` is not an address`, help);
    }
    const bitsMax = isIPv6 ? 128 : 32;
    const offset = isIPv6 ? 0 : 96;
    if (cut === -1) return { kind: "address", protocol, address, prefixBits: 128, ports };
    const digits = written.slice(cut + 1);
    const bits = /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
    if (!(bits <= bitsMax)) {
      return this.#fault(
        start,
        end,
        `\`/${digits}\` is not a prefix length`,
        `write a number from 0 to ${bitsMax}`,
      );
    }
    const prefixBits = bits + offset;
    return { kind: "address", protocol, address: masked(address, prefixBits), prefixBits, ports };
  }

  #dottedPrefix(
    protocol: Protocol | null,
    start: number,
    dotted: string,
    ports: PortRange | null,
  ): Endpoint {
    const octets = dotted.slice(0, -1).split(".");
    const padded = [...octets, "0", "0", "0"].slice(0, 4).join(".");
    const address = parseIPv4(padded);
    if (address === null) {
      return this.#fault(
        start,
        start + dotted.length,
        `\`${dotted}\` is not a prefix of an address`,
      );
    }
    return { kind: "address", protocol, address, prefixBits: 96 + 8 * octets.length, ports };
  }

  #host(protocol: Protocol | null, start: number, end: number, ports: PortRange | null): Endpoint {
    const written = this.#text.slice(start, end);
    const host = written.toLowerCase().replace(/\.$/, "");
    const wrong = /[^a-z0-9._*?[\]{},!^\\-]/.exec(host);
    if (wrong !== null) {
      const [character] = host.slice(wrong.index);
      const help = /[^\x20-\x7e]/.test(host)
        ? "write the name as DNS carries it: `xn--...`"
        : "write only the host and the port: `example.com:443`";
      return this.#fault(
        start + wrong.index,
        start + wrong.index + 1,
        `\`${character}\` does not belong in a host name`,
        help,
      );
    }
    for (const problem of parseGlob(written).problems) {
      this.problems.push({ ...problem, start: problem.start + start, end: problem.end + start });
    }
    if (host.startsWith(".")) {
      this.#fault(
        start,
        start + 1,
        "a host name does not start with a dot",
        `did you mean \`*${host}\`?`,
      );
    }
    return { kind: "host", protocol, host, ports };
  }

  /** From `start` to the end: `443` or `8000-8080`. */
  #ports(start: number): PortRange | null {
    const written = this.#text.slice(start);
    if (written === "*") return null;
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(written);
    const low = Number(match?.[1]);
    const high = match?.[2] === undefined ? low : Number(match[2]);
    if (match === null || low > 65535 || high > 65535) {
      this.#fault(
        start,
        this.#text.length,
        written === "" ? "the port is missing" : `\`${written}\` is not a port`,
        "write a number from 0 to 65535, or a range: `8000-8080`",
      );
      return null;
    }
    if (low > high) {
      this.#fault(
        start,
        this.#text.length,
        `the range of ports \`${written}\` runs backwards`,
        `did you mean \`${high}-${low}\`?`,
      );
      return null;
    }
    return { low, high };
  }

  #fault(start: number, end: number, message: string, help?: string, code = "P050"): Endpoint {
    this.problems.push({
      severity: "error",
      code,
      start,
      end,
      message,
      ...(help === undefined ? {} : { help }),
    });
    return { kind: "any", protocol: null, ports: null };
  }
}

/** Eleven zero bytes and the two of ones: what stands before an IPv4 address in its mapped form. */
const mappedPrefix: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** The 16 bytes of an IPv4 literal's mapped form, or null. A leading zero is refused: some tools read it as octal. */
export function parseIPv4(text: string): readonly number[] | null {
  const octets = text.split(".");
  if (octets.length !== 4) return null;
  const bytes: number[] = [];
  for (const octet of octets) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return null;
    bytes.push(Number(octet));
  }
  return [...mappedPrefix, ...bytes];
}

/** The 16 bytes of an IPv6 literal, or null. The last 32 bits may be written as IPv4. */
export function parseIPv6(text: string): readonly number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = groups(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] as string, true) : [];
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  // `::` stands for at least one group of zeros.
  if (halves.length === 2 ? missing < 2 : missing !== 0) return null;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** The bytes of `a:b:c`; the last group may be an IPv4 literal where `last` says that the address ends here. */
function groups(text: string, last: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes(".")) {
      const ipv4 = parseIPv4(part);
      if (ipv4 === null) return null;
      bytes.push(...ipv4.slice(12));
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return null;
      const group = Number.parseInt(part, 16);
      bytes.push(group >> 8, group & 0xff);
    }
  }
  return bytes.length <= 16 ? bytes : null;
}

function masked(address: readonly number[], prefixBits: number): readonly number[] {
  return address.map((byte, index) => {
    const kept = Math.max(0, Math.min(8, prefixBits - 8 * index));
    return byte & (0xff00 >> kept) & 0xff;
  });
}

function ipv4Help(literal: string): string {
  const octets = literal.split(".");
  if (octets.length < 4 && octets.every((octet) => /^\d{1,3}$/.test(octet))) {
    return `did you mean the prefix \`${literal}.\`?`;
  }
  return "an address is four numbers from 0 to 255";
}
