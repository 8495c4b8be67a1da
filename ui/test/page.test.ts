// The page in a browser, against the built binary: an aggregator and two leaves with a
// small outage, of which one leaf is stopped and comes back.

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, Kelp, lacking, until } from "./server";

const minutes = 30, perMinute = 120;
const end = Math.floor(Date.now() / 60_000) * 60_000;
const from = new Date(end - minutes * 60_000).toISOString(), to = new Date(end).toISOString();

/** rows is half an hour of a shop; in its last ten minutes version 4.2.1 fails in eu, and slowly. */
function rows(): object[] {
  const out: object[] = [];
  const services = ["web", "web", "web", "api", "api", "payment"], regions = ["eu", "us", "us"];
  for (let i = 0; i < minutes * perMinute; i++) {
    const at = end - minutes * 60_000 + (i * 60_000) / perMinute;
    const service = services[i % 6], region = regions[Math.floor(i / 6) % 3];
    const late = at >= end - 10 * 60_000 && service === "payment" && region === "eu";
    out.push({
      time: new Date(at).toISOString(), service, region, version: late ? "4.2.1" : "4.2.0", status: late && i % 12 < 6 ? 500 : 200,
      ms: late ? 2000 + (i % 100) : 10 + (i % 50), message: late ? "card service: time out" : `ok ${i}`, host: `h${i % 40}`,
    });
  }
  return out;
}

describe.skipIf(lacking() !== "")("the page", () => {
  const kelp = new Kelp();
  let browser: Browser, context: BrowserContext, page: Page;
  const wrong: string[] = []; // what the browser complains of

  beforeAll(async () => {
    const address = await kelp.start("agg-1", "aggregator", "--bootstrap", "--name", "agg-1", "--listen", "127.0.0.1:0");
    kelp.url = "http://" + address;
    for (const name of ["leaf-1", "leaf-2"])
      await kelp.start(name, "leaf", "--name", name, "--listen", "127.0.0.1:0", "--join", address, "--memory", "64MiB");
    const up = async (n: number) => (await (await fetch(kelp.url + "/v1/cluster")).json()).members.filter((m: { role: string; state: string }) => m.role === "leaf" && m.state === "up").length === n;
    await until("both leaves are up", () => up(2));
    const all = rows();
    for (let i = 0; i < all.length; i += 100) await kelp.ingest("shop", all.slice(i, i + 100));
    browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
    context = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: "UTC" });
    page = await context.newPage();
    page.on("pageerror", (e) => wrong.push(e.message));
    page.on("console", (m) => ["error", "warning"].includes(m.type()) && wrong.push(m.text()));
  });
  afterAll(async () => {
    await browser?.close();
    await kelp.stop();
  });

  const open = async (address: string) => {
    await page.goto(kelp.url + address);
    await page.locator(".badge b").waitFor();
  };
  const range = `from=${from}&to=${to}&tz=UTC`;
  const badge = () => page.locator(".badge").innerText();
  /** totals is the table of groups: its first column and the next. */
  const totals = async () => {
    await page.locator(".totals tbody tr").first().waitFor();
    return page.locator(".totals tbody tr").evaluateAll((trs) => trs.map((tr) => [...tr.querySelectorAll("td:not(.swatch):not(.trend)")].map((td) => (td as HTMLElement).innerText)));
  };
  const settled = () => page.locator('.stage[aria-busy="false"]').waitFor();

  test("lists the tables, and opens one", async () => {
    await page.goto(kelp.url + "/");
    await page.locator("text=3,600").waitFor();
    await page.click("a:text-is('shop')");
    await page.locator(".plot canvas").waitFor();
    expect(page.url()).toContain("/x/shop");
    expect(await badge()).toMatch(/100% complete/);
  });

  test("shows the numbers of the API", async () => {
    await open(`/x/shop?${range}&by=service&show=count()&show=p99(ms)`);
    const answer = await kelp.query(`FROM shop SINCE '${from}' UNTIL '${to}' SELECT service, count(), p99(ms) GROUP BY ALL LIMIT 10 WITH OTHER`);
    expect(await totals()).toEqual(answer.rows.map(([service, n, p99]: [string, number, number]) => [service, n.toLocaleString("en"), (Math.round(p99 * 100) / 100).toLocaleString("en")]));
    expect(await page.locator(".plot canvas").count()).toBe(2);
  });

  test("every knob is in the address; reload and another browser show the same; Back undoes", async () => {
    await open(`/x/shop?${range}`);
    const turns: [string, () => Promise<unknown>, RegExp][] = [
      ["group", async () => { await page.fill("#add-by", "service"); await page.press("#add-by", "Enter"); }, /by=service/],
      ["show", async () => { await page.fill("#add-show", "p99(ms)"); await page.press("#add-show", "Enter"); }, /show=p99\(ms\)/],
      ["compare", () => page.selectOption("#compare", "10m"), /compare=10m/],
      ["filter", async () => { await page.fill("#add-filter", "region:eu"); await page.press("#add-filter", "Enter"); }, /f=region\+%3D\+%27eu%27/],
      ["turn round", () => page.click('[aria-label="turn region = \'eu\' round"]'), /f=region\+%21%3D\+%27eu%27/],
      ["search", async () => { await page.keyboard.press("/"); await page.keyboard.type('"ok 1"'); await page.keyboard.press("Enter"); }, /ILIKE/],
      ["top", async () => { await page.fill('[aria-label="Groups at most"]', "2"); await page.press('[aria-label="Groups at most"]', "Enter"); }, /top=2/],
      ["other", () => page.uncheck("text=Other >> input"), /other=0/],
      ["step", () => page.selectOption('label:has-text("Granularity") select', "5m"), /step=5m/],
      ["gaps", () => page.selectOption('label:has-text("Gaps") select', "bridge"), /gaps=bridge/],
      ["weights", () => page.selectOption('label:has-text("Weights") select', "raw"), /raw=1/],
      ["zone", () => page.selectOption('[aria-label="Time zone"]', "Asia/Tokyo"), /tz=Asia/],
      ["table", () => page.click(".views >> text=Table"), /view=table/],
      ["sort", () => page.click(".totals th button:has-text('p99')"), /sort=p99/],
      ["samples", () => page.click(".views >> text=Samples"), /view=samples/],
      ["range", () => page.click(".chips >> text=15m"), /from=-15m/],
      ["frozen", () => page.click(".live"), /live=0/],
    ];
    const passed = [page.url()];
    for (const [name, turn, want] of turns) {
      await turn();
      await page.waitForURL(want, { timeout: 5000 }).catch(() => expect(page.url(), name).toMatch(want));
      await settled();
      passed.push(page.url());
    }
    expect(new Set(passed).size).toBe(passed.length);
    for (const address of passed.slice(0, -1).reverse()) {
      await page.goBack();
      expect(page.url()).toBe(address);
    }
    await page.goForward();
    expect(page.url()).toBe(passed[1]);
    await settled();
    const here = await totals();
    await page.reload();
    expect(await totals()).toEqual(here);
    const other = await browser.newContext({ timezoneId: "America/New_York" });
    const twin = await other.newPage();
    await twin.goto(page.url());
    await twin.locator(".totals tbody tr").first().waitFor();
    expect(await twin.locator(".totals tbody tr").count()).toBe(here.length);
    expect(await twin.locator('[aria-label="Time zone"]').inputValue()).toBe("UTC");
    await other.close();
  });

  test("from the list to what broke, in less than ten clicks", async () => {
    await page.goto(kelp.url + "/");
    await page.click("a:text-is('shop')"); // 1
    await page.locator(".plot canvas").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("status:>=500");
    await page.keyboard.press("Enter");
    await page.waitForURL(/status/);
    await settled();
    const over = (await page.locator(".u-over").first().boundingBox())!;
    const shown = await page.evaluate(() => new URLSearchParams(location.search).get("from"));
    expect(shown).toBeNull(); // the last hour, of which the outage is the end
    await page.click('[aria-label="remove status >= 500"]'); // 2
    await settled();
    await page.mouse.move(over.x + over.width - 2, over.y + 20); // 3: the box
    await page.mouse.down();
    await page.mouse.move(over.x + over.width * 0.84, over.y + 150, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/box=/);
    await page.click("text=What differs?"); // 4
    const first = page.locator(".differs tbody tr").first();
    await first.waitFor();
    const top = await page.locator(".differs tbody tr").allInnerTexts();
    expect(top.join("\n")).toMatch(/version = 4\.2\.1/);
    await page.locator(".differs tr", { hasText: "version = 4.2.1" }).first().locator("text=Filter").click(); // 5
    await page.waitForURL(/4\.2\.1/);
    await page.click(".boxbar >> text=Samples"); // 6
    await page.locator(".samples tbody tr").first().click(); // 7
    expect(await page.locator(".event dl").innerText()).toMatch(/region\s+eu/);
    expect(await page.locator(".event dl").innerText()).toMatch(/time out/);
  });

  test("a click on a value filters, excludes and groups", async () => {
    await open(`/x/shop?${range}&by=service&view=table`);
    await page.click(".totals td button:text-is('payment')");
    await page.click(".menu >> text=Only this");
    await page.waitForURL(/payment/);
    await settled();
    expect((await totals()).map((r) => r[0])).toEqual(["payment"]);
    await page.click(".column:has-text('region')");
    await page.click(".topvalues button:has-text('eu')");
    await page.click(".menu >> text=Without this");
    await page.waitForURL(/region/);
    await settled();
    const answer = await kelp.query(`FROM shop SINCE '${from}' UNTIL '${to}' SELECT count() WHERE service = 'payment' AND region != 'eu'`);
    expect((await totals())[0][1]).toBe(answer.rows[0][0].toLocaleString("en"));
  });

  test("a click on a line offers its group", async () => {
    await open(`/x/shop?${range}&by=service`);
    await page.locator(".totals").waitFor();
    const over = (await page.locator(".u-over").first().boundingBox())!;
    const color = await page.locator(".totals tbody tr").first().locator("i").evaluate((e) => getComputedStyle(e).backgroundColor);
    const high = await page.locator(".plot canvas").first().evaluate((c, color) => { // where the line of web is drawn, in its colour
      const canvas = c as HTMLCanvasElement;
      const x = Math.round(canvas.width / 2), want = color.match(/\d+/g)!.map(Number);
      const { data } = canvas.getContext("2d")!.getImageData(x, 0, 1, canvas.height);
      let best = 0, least = 1e9;
      for (let y = 0; y < canvas.height; y++) {
        const away = want.reduce((n, v, i) => n + Math.abs(v - data[y * 4 + i]), 0) + (data[y * 4 + 3] < 100 ? 1e6 : 0);
        if (away < least) [best, least] = [y, away];
      }
      return best / devicePixelRatio;
    }, color);
    const canvas = (await page.locator(".plot canvas").first().boundingBox())!;
    await page.mouse.click(canvas.x + canvas.width / 2, canvas.y + high);
    await page.locator(".menu").waitFor();
    expect(await page.locator(".menu .dim").innerText()).toBe("service = web");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/f=service\+%21%3D\+%27web%27/);
    expect(over.width).toBeGreaterThan(600);
  });

  test("a frozen link is of the time on screen", async () => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await open("/x/shop?from=-1h&tz=UTC&by=service");
    await page.click("header >> text=Copy frozen");
    const copied = new URL(await page.evaluate(() => navigator.clipboard.readText()));
    const span = Date.parse(copied.searchParams.get("to")!) - Date.parse(copied.searchParams.get("from")!);
    expect(span).toBe(3_600_000);
    expect(copied.searchParams.get("by")).toBe("service");
  });

  test("a row that is read stays where it is while rows come in", async () => {
    await open("/x/shop?view=samples&from=-1h&tz=UTC&f=service+=+'live'");
    await kelp.ingest("shop", [{ time: new Date().toISOString(), service: "live", message: "first" }]);
    await page.locator(".samples td:text-is('first')").click();
    const seen = await page.locator(".event dl").innerText();
    await kelp.ingest("shop", [{ time: new Date().toISOString(), service: "live", message: "second" }]);
    await page.waitForURL(/live=0/);
    await until("the new row can be read", async () => (await kelp.query("SELECT count() FROM shop WHERE service = 'live'")).rows[0][0] === 2);
    expect(await page.locator(".event dl").innerText()).toBe(seen);
    await page.click(".live");
    await page.locator(".event dl").waitFor();
    expect(await page.locator(".samples tbody tr:not(.event)").count()).toBe(1);
    await page.locator(".samples td:text-is('first')").click(); // closed: the page moves on
    await page.locator(".samples td:text-is('second')").waitFor();
  });

  test("SQL flows into the knobs; what they cannot say is answered; errors point at their place", async () => {
    await open(`/x/shop?${range}`);
    await page.keyboard.press("s");
    const write = async (sql: string) => {
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText(sql);
      await page.keyboard.press("Control+Enter");
    };
    await page.locator(".cm-content").waitFor();
    await write(`SELECT region, count() FROM shop SINCE '${from}' UNTIL '${to}' WHERE status >= 500 GROUP BY ALL LIMIT 5`);
    await page.waitForURL(/by=region/);
    expect(page.url()).toMatch(/view=table.*top=5.*other=0.*f=status/);
    await settled();
    expect((await totals())[0][0]).toBe("eu");
    await write(`FROM shop SELECT service, count() AS n GROUP BY service HAVING n > 1000`);
    await page.waitForURL(/q=FROM/);
    await settled();
    expect(await totals()).toEqual([["web", "1,800"], ["api", "1,200"]]);
    await write("FROM shop SELECT count( WHERE");
    await page.locator(".fault").waitFor();
    expect(await page.locator(".fault").innerText()).toMatch(/↑/);
    await page.click("text=Back to the knobs");
    await page.waitForURL((u) => !u.search.includes("q="));
    // Where selected text is typed over, Chromium itself puts a style into what is edited, and refuses it; the editor draws it anew.
    wrong.splice(0, wrong.length, ...wrong.filter((w) => !w.startsWith("Applying inline style")));
  });

  test("heat map and distribution show what was asked", async () => {
    await open(`/x/shop?${range}&view=heat`);
    await page.locator(".heat canvas").waitFor();
    const painted = () => page.locator(".heat canvas").evaluate((c) => {
      const { data } = (c as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, (c as HTMLCanvasElement).width, (c as HTMLCanvasElement).height);
      return new Set(Array.from({ length: data.length / 4 }, (_, i) => data.slice(i * 4, i * 4 + 3).join())).size;
    });
    expect(await painted()).toBeGreaterThan(5);
    const c = (await page.locator(".heat canvas").boundingBox())!;
    await page.mouse.move(c.x + c.width * 0.7, c.y + 3);
    await page.mouse.down();
    await page.mouse.move(c.x + c.width - 4, c.y + 120, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/box=.*ms/);
    await page.click("text=What differs?");
    await page.locator(".differs tr", { hasText: "version = 4.2.1" }).first().waitFor();
    await open(`/x/shop?${range}&view=dist&by=service`);
    await page.locator(".dist rect").first().waitFor();
    expect(await page.locator(".distname .dim").allInnerTexts()).toEqual(["1,800 events", "1,200 events", "600 events"]);
  });

  test("from each view to each other, there and Back", { timeout: 60_000 }, async () => {
    const shown = { Time: ".plot", Table: ".totals", Heat: ".heat", Dist: ".dist", Samples: ".samples" };
    await open(`/x/shop?${range}&by=service&show=count()&show=p99(ms)`);
    for (const from of Object.keys(shown) as (keyof typeof shown)[])
      for (const to of Object.keys(shown) as (keyof typeof shown)[]) {
        if (from === to) continue;
        await page.click(`.views >> text=${from}`);
        await page.locator(shown[from]).first().waitFor();
        await page.click(`.views >> text=${to}`);
        await page.locator(shown[to]).first().waitFor();
        await page.goBack();
        await page.locator(shown[from]).first().waitFor();
      }
    expect(await page.locator(".fault").count()).toBe(0);
  });

  test("samples have more rows, and older ones", async () => {
    await open(`/x/shop?${range}&view=samples`);
    const shown = () => page.locator(".samples tbody tr").count();
    const oldest = () => page.locator(".samples tbody tr th").last().innerText();
    const upTo = async (n: number) => new Date((await kelp.query(`FROM shop SINCE '${from}' UNTIL '${to}' SELECT time LIMIT ${n}`)).rows.at(-1)[0]).toISOString().slice(11, 23);
    expect([await shown(), (await oldest()).slice(11)]).toEqual([500, await upTo(500)]);
    for (const n of [1000, 2000]) {
      await page.click(`.stage button:text-is('${n.toLocaleString("en")} rows')`);
      await page.waitForURL(new RegExp("rows=" + n));
      await page.waitForFunction((n) => document.querySelectorAll(".samples tbody tr").length === n, n);
      expect((await oldest()).slice(11)).toBe(await upTo(n));
    }
    const edge = await oldest();
    await page.click(".stage button:text-is('Older')");
    await page.waitForURL((url) => url.searchParams.get("to") !== to);
    await page.waitForFunction((edge) => document.querySelector(".samples tbody tr th")?.textContent === edge, edge);
    expect(await shown()).toBe(1601); // of 3,600: the last of the page before again, and all that are left
    expect(await page.locator(".stage button:text-is('Older')").count()).toBe(0);
    await page.goBack();
    await page.waitForFunction(() => document.querySelectorAll(".samples tbody tr").length === 2000);
  });

  test("a box is marked, and the marker is in the lines of all who look", async () => {
    await open(`/x/shop?${range}`);
    await page.locator(".u-over").waitFor();
    const ink = () => page.locator(".plot canvas").first().evaluate((c) => { // columns of pixels that are drawn from top to bottom
      const canvas = c as HTMLCanvasElement;
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true })!; // it is read again and again
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      let full = 0;
      for (let x = 0; x < canvas.width; x++) {
        let dark = 0;
        for (let y = 0; y < canvas.height; y++) if (data[(y * canvas.width + x) * 4 + 3] > 100 && data[(y * canvas.width + x) * 4] < 90) dark++;
        if (dark > canvas.height * 0.7) full++;
      }
      return full;
    });
    expect(await ink()).toBe(0);
    const over = (await page.locator(".u-over").first().boundingBox())!;
    await page.mouse.move(over.x + over.width * 0.5, over.y + 20);
    await page.mouse.down();
    await page.mouse.move(over.x + over.width * 0.6, over.y + 24, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/box=/);
    await page.fill('[aria-label="What happened in the box"]', "version 4.2.1 out");
    await page.click("text=Mark it");
    await page.waitForURL((url) => !url.searchParams.has("box"));
    const { markers } = await (await fetch(kelp.url + "/v1/markers")).json();
    expect(markers).toMatchObject([{ text: "version 4.2.1 out", table: "shop" }]);
    expect(Date.parse(markers[0].until) - Date.parse(markers[0].time)).toBeCloseTo(0.1 * minutes * 60_000, -5);
    await until("the marker is drawn", async () => (await ink()) > 0, 3000);
    await open(`/x/shop?${range}&by=service`);
    await until("the marker is drawn for others", async () => (await ink()) > 0, 3000);
    await fetch(kelp.url + "/v1/markers/" + markers[0].id, { method: "DELETE" });
  });

  test("ids beyond 2^53 are read, filtered by and copied to the last digit", async () => {
    const id = "1234567890123456789";
    const body = [id, "1234567890123456788"].map((n, i) => `{"time": "${new Date(end - 1000 * (i + 1)).toISOString()}", "id": ${n}, "n": ${i}}`).join("\n");
    const response = await fetch(kelp.url + "/v1/ingest/ids", { method: "POST", headers: { "Content-Type": "application/x-ndjson" }, body });
    expect((await response.json()).accepted).toBe(2);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await open(`/x/ids?${range}&view=samples`);
    await page.fill("#search", "id:" + id);
    await page.press("#search", "Enter");
    await page.waitForURL(new RegExp(`f=id\\+%3D\\+${id}`));
    await settled();
    await page.locator(`.samples td:text-is('${id}')`).click();
    expect(await page.locator(".samples tbody tr:not(.event)").count()).toBe(1);
    await page.click("text=Copy as JSON");
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(`"id":${id},`);
    await open(`/x/ids?${range}&view=table&by=id`);
    await page.click(`.totals td button:text-is('${id}')`);
    await page.click(".menu >> text=Only this");
    await page.waitForURL(new RegExp(`f=id\\+%3D\\+${id}`));
    await settled();
    expect(await totals()).toEqual([[id, "1"]]);
  });

  test("the badge speaks for the numbers under the chart, too", async () => {
    const ofTotals = (url: URL, sql: string) => url.pathname === "/v1/query" && !sql.includes("time(");
    let fault = false;
    await page.route("**/v1/query", async (route) => {
      if (!ofTotals(new URL(route.request().url()), route.request().postDataJSON().sql)) return route.continue();
      if (fault) return route.fulfill({ status: 400, json: { error: { code: "limit", message: "too many groups", hint: "filter" } } });
      const response = await route.fetch();
      const answer = await response.json();
      answer.completeness.ratio = 0.5;
      answer.completeness.leaves = { total: 2, answered: 1, missing: [{ leaf: "leaf-9", reason: "timeout" }] };
      return route.fulfill({ response, json: { ...answer, warnings: ["mixed types"] } });
    });
    await open(`/x/shop?${range}&by=service`);
    await page.locator(".badge b:has-text('50%')").waitFor();
    expect(await page.locator(".badges").innerText()).toMatch(/50% complete\s*1\/2 leaves[^]*leaf-9 \(timeout\)[^]*mixed types/);
    fault = true;
    await page.reload();
    await page.locator(".fault:has-text('too many groups')").waitFor();
    expect(await page.locator(".plot canvas").count()).toBe(1);
    await page.unroute("**/v1/query");
  });

  test("a leaf that is gone is named, its times are hatched, and it comes back", async () => {
    await open(`/x/shop?${range}`);
    expect(await badge()).toMatch(/100% complete\s*2\/2 leaves/);
    const hatched = () => page.locator(".plot canvas").first().evaluate((c) => {
      const canvas = c as HTMLCanvasElement;
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      let amber = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i] > 150 && data[i + 1] < 180 && data[i + 1] > 50 && data[i + 2] < 80 && data[i + 3] > 60) amber++;
      return amber;
    });
    expect(await hatched()).toBe(0);
    await kelp.kill("leaf-2");
    await page.reload();
    await page.locator("[data-missing]").waitFor();
    expect(await page.locator("[data-missing]").innerText()).toMatch(/leaf-2 \(/);
    expect(await badge()).not.toMatch(/100%/);
    expect(await hatched()).toBeGreaterThan(500);
    await page.click(".column:has-text('region')");
    await page.locator(".topvalues .warn:has-text('% of the rows')").waitFor();
    await kelp.back("leaf-2");
    await until("the leaf is back", async () => {
      await page.reload();
      await page.locator(".badge b").waitFor();
      return /100% complete\s*2\/2/.test(await badge());
    });
  });

  test("queries and cluster pages, keys and help", async () => {
    await page.goto(kelp.url + "/cluster");
    await page.locator("tr:has-text('leaf-2')").waitFor();
    expect(await page.locator("tbody tr").count()).toBe(3);
    await page.goto(kelp.url + "/queries");
    await page.locator("td.code").first().waitFor();
    await open(`/x/shop?${range}`);
    await page.keyboard.press("?");
    await page.locator('[role="dialog"]').waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("x");
    await page.waitForURL(/view=samples/);
    await page.keyboard.press("g");
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("add-by");
  });

  for (const colorScheme of ["light", "dark"] as const)
    test(`no serious fault of accessibility, ${colorScheme}`, { timeout: 120_000 }, async () => {
      const axe = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
      const ctx = await browser.newContext({ colorScheme, bypassCSP: true, viewport: { width: 1280, height: 860 } });
      const p = await ctx.newPage();
      for (const address of ["/", `/x/shop?${range}&by=service&compare=10m&f=status+<+600`, `/x/shop?${range}&view=samples&top=5&f=host+=+'h7'`, `/x/shop?${range}&view=dist&by=service`]) {
        await p.goto(kelp.url + address);
        await p.locator(".grid, .dist").first().waitFor();
        await p.evaluate(axe);
        const found = await p.evaluate(async () => {
          const result = await (window as unknown as { axe: { run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe.run();
          return result.violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => [v.id, v.nodes[0].html, v.nodes[0].failureSummary]);
        });
        expect(found, `${colorScheme} ${address}`).toEqual([]);
      }
      await ctx.close();
    });

  test("no layout is wider than a narrow screen", async () => {
    const ctx = await browser.newContext({ viewport: { width: 400, height: 800 } });
    const p = await ctx.newPage();
    for (const address of ["/", `/x/shop?${range}&by=service&show=count()&show=p99(ms)`, `/x/shop?${range}&view=samples`]) {
      await p.goto(kelp.url + address);
      await p.locator(".grid").first().waitFor();
      expect(await p.evaluate(() => document.documentElement.scrollWidth), address).toBeLessThanOrEqual(400);
    }
    await ctx.close();
  });

  test("a table of 10,000 rows scrolls, and holds those that are seen", { timeout: 60_000 }, async () => {
    const rows = Array.from({ length: 10_000 }, (_, i) => ({ time: new Date(end - 1_000_000 + i).toISOString(), n: i }));
    await kelp.ingest("long", rows);
    await open("/x/long?q=" + encodeURIComponent("SELECT n AS number FROM long ORDER BY n"));
    await page.locator("tr[data-row]").first().waitFor();
    expect(await page.locator("tr[data-row]").count()).toBeLessThan(200);
    const scroll = () => page.evaluate(async () => {
      let longest = 0;
      const watch = new PerformanceObserver((list) => list.getEntries().forEach((e) => (longest = Math.max(longest, e.duration))));
      watch.observe({ entryTypes: ["longtask"] });
      const all = document.documentElement.scrollHeight;
      for (let i = 0; i <= 40; i++) {
        scrollTo(0, (all * i) / 40);
        await new Promise(requestAnimationFrame);
      }
      watch.disconnect();
      return longest;
    });
    const slow: number[] = [];
    for (let i = 0; i < 5; i++) slow.push(await scroll()); // the least, as below
    expect(Math.min(...slow)).toBeLessThan(200);
    await page.locator("tr[data-row='9999'] >> text=9,999").waitFor(); // the end is there
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2));
    await page.waitForFunction(() => [...document.querySelectorAll("tr[data-row]")].some((r) => r.getBoundingClientRect().top > 0 && r.getBoundingClientRect().bottom < innerHeight));
    const seen = await page.evaluate(() => { // what lies in the middle of the window is a row, the right one, and not a blank
      const tr = document.elementFromPoint(500, innerHeight / 2)!.closest("tr")!;
      return [tr.dataset.row, (tr.textContent ?? "").replace(",", "")];
    });
    expect(seen[1]).toBe(seen[0]);
    expect(Number(seen[0])).toBeGreaterThan(4000);
    expect(Number(seen[0])).toBeLessThan(6000);
  });

  test("first paint within 300 ms, ten lines of a thousand points within 50", { timeout: 60_000 }, async () => {
    const rows = Array.from({ length: 10_000 }, (_, i) => ({ time: new Date(end - 1_000_000 + Math.floor(i / 10) * 1000).toISOString(), line: "line-" + (i % 10), v: i % 97 }));
    await kelp.ingest("lines", rows);
    const address = `/x/lines?from=${new Date(end - 1_000_000).toISOString()}&to=${to}&by=line&step=1s&tz=UTC`;
    const paints: number[] = [], charts: number[] = [];
    for (let i = 0; i < 6; i++) { // the least: the machine may be busy with other tests
      await open(address);
      await page.waitForFunction(() => performance.getEntriesByName("chart").length > 0);
      const [paint, chart] = await page.evaluate(() => [performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity, performance.getEntriesByName("chart")[0].duration]);
      paints.push(paint);
      charts.push(chart);
    }
    console.log(`first paint ${Math.min(...paints).toFixed(0)} ms, chart ${Math.min(...charts).toFixed(0)} ms`);
    expect(Math.min(...paints)).toBeLessThan(300);
    expect(Math.min(...charts)).toBeLessThan(50);
  });

  test("the browser had nothing to complain of, its policy least", () => {
    const expected = /status of 4\d\d|favicon/; // SQL that is wrong on purpose
    expect(wrong.filter((w) => !expected.test(w))).toEqual([]);
  });
});

test("the page is small: 60 KB of scripts without the editor, 200 KB with it", () => {
  const folder = new URL("../dist/app/assets/", import.meta.url);
  const sizes = readdirSync(folder).filter((f) => f.endsWith(".js")).map((f) => [f, gzipSync(readFileSync(new URL(f, folder)), { level: 9 }).length] as const);
  const sum = (of: (f: string) => boolean) => sizes.filter(([f]) => of(f)).reduce((n, [, size]) => n + size, 0);
  expect(sum((f) => !f.startsWith("editor"))).toBeLessThan(60_000);
  expect(sum(() => true)).toBeLessThan(200_000);
  expect(sum((f) => f.startsWith("editor"))).toBeGreaterThan(0); // it is apart
});
