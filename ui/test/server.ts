// kelp as the tests of the page need it: the built binary on loopback, its memory in
// /dev/shm/kelp-test-PID and its data in a folder of its own, both gone in the end.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const chromiumPath = process.env.KELP_CHROMIUM ?? "/usr/bin/chromium";

/** lacking says why the tests of the page cannot run, or is "". With KELP_TEST_STRICT=1 it throws. */
export function lacking(): string {
  const why = !process.env.KELP_BIN || !existsSync(process.env.KELP_BIN)
    ? "KELP_BIN names no kelp binary: run make test-ui"
    : !existsSync(chromiumPath) ? `no ${chromiumPath}: apt-get install chromium` : "";
  if (why && process.env.KELP_TEST_STRICT) throw new Error(why);
  if (why) console.log("SKIP the page in a browser: " + why);
  return why;
}

const memory = `/dev/shm/kelp-test-${process.pid}`;

// The reaper outlives this process however that ends: it hears the pids of the servers,
// and when its stdin closes it kills those that are left and removes their folders.
const reaper = 'pids=; while read -r p; do case $p in done) pids= ;; *) pids="$pids $p" ;; esac; done; [ -z "$pids" ] || kill -9 $pids; rm -rf "$@"';

export class Kelp {
  private readonly processes = new Map<string, ChildProcess>();
  private readonly data = mkdtempSync(join(tmpdir(), "kelp-page-"));
  private readonly commands = new Map<string, string[]>();
  url = "";

  private readonly reaper: ChildProcess;

  constructor() {
    mkdirSync(memory, { recursive: true });
    this.reaper = spawn("sh", ["-c", reaper, "reaper", memory, this.data], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  }

  /** start runs a subcommand until it is ready and returns its HTTP address. */
  async start(name: string, command: string, ...more: string[]): Promise<string> {
    const args = [command, ...more, "--data", join(this.data, name), ...(command === "aggregator" ? [] : ["--memory-dir", join(memory, name)])];
    this.commands.set(name, args);
    return this.run(name, args);
  }

  private run(name: string, args: string[]): Promise<string> {
    const child = spawn(process.env.KELP_BIN!, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.processes.set(name, child);
    this.reaper.stdin!.write(child.pid + "\n");
    return new Promise((resolve, reject) => {
      let said = "";
      const hear = (bytes: Buffer) => {
        said += bytes;
        const address = /^ready http=(\S+)/m.exec(said)?.[1];
        if (address) resolve(address);
      };
      child.stdout!.on("data", hear);
      child.stderr!.on("data", hear);
      child.on("exit", (code) => reject(new Error(`${name} ended with ${code}:\n${said}`)));
    });
  }

  /** kill ends a member as kill -9 does. */
  async kill(name: string, signal: NodeJS.Signals = "SIGKILL") {
    const child = this.processes.get(name)!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** back starts a member that was killed. */
  back(name: string): Promise<string> {
    return this.run(name, this.commands.get(name)!);
  }

  async stop() {
    for (const name of this.processes.keys()) await this.kill(name, "SIGTERM");
    const gone = new Promise((resolve) => this.reaper.once("exit", resolve));
    this.reaper.stdin!.end("done\n");
    await gone;
  }

  async ingest(table: string, rows: object[]) {
    const response = await fetch(`${this.url}/v1/ingest/${table}`, { method: "POST", headers: { "Content-Type": "application/x-ndjson" }, body: rows.map((r) => JSON.stringify(r)).join("\n") });
    const receipt = await response.json();
    if (receipt.accepted !== rows.length) throw new Error(JSON.stringify(receipt));
  }

  async query(sql: string) {
    const response = await fetch(`${this.url}/v1/query`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ sql }) });
    return response.json();
  }
}

/** until waits for a condition of the outside world. */
export async function until(what: string, holds: () => Promise<boolean>, ms = 20_000) {
  for (const end = Date.now() + ms; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50)))
    if (await holds().catch(() => false)) return;
  throw new Error("not in time: " + what);
}
