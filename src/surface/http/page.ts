// `/`: what somebody sees who opens the address in a browser. Words only; it runs no script and loads nothing.

import type { Daemon } from "../../runtime/daemon.ts";

export function pageText(daemon: Daemon, version: string): string {
  const rows: [string, string][] = [
    ["version", version],
    ["tier", daemon.engine.tier],
    ["domains", `${daemon.registry.size}`],
    ["governed processes", `${daemon.engine.members().length}`],
  ];
  const cells = rows.map(([name, value]) => `<tr><th>${name}</th><td>${value}</td></tr>`).join("");
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>actplane</title>
<style>body{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}th{text-align:left;padding-right:2em}</style>
<h1>actplane</h1>
<p>Policies for AI agents, enforced by the kernel. This is its API.</p>
<table>${cells}</table>
<p><a href="/openapi.json">openapi.json</a> <a href="/metrics">metrics</a> <a href="/healthz">healthz</a> <a href="/readyz">readyz</a> <a href="/version">version</a></p>
</html>
`;
}
