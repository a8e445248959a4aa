// The shape of an endpoint pattern: which addresses, which ports, which protocol.

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
