// The page of a server with tokens: it asks for one, keeps it for the tab, and shows
// nothing without.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, Kelp, lacking } from "./server";

const readToken = "read-0123456789abcdefgh", ingestToken = "ingest-0123456789abcdef";

describe.skipIf(lacking() !== "")("the page with tokens", () => {
  const kelp = new Kelp(), folder = mkdtempSync(join(tmpdir(), "kelp-tokens-"));
  let browser: Browser, context: BrowserContext;

  beforeAll(async () => {
    const file = join(folder, "tokens");
    writeFileSync(file, `ann read ${readToken}\nshop ingest ${ingestToken}\n`);
    kelp.url = "http://" + (await kelp.start("serve", "serve", "--listen", "127.0.0.1:0", "--memory", "64MiB", "--token-file", file));
    const sent = await fetch(kelp.url + "/v1/ingest/shop", { method: "POST", headers: { Authorization: "Bearer " + ingestToken }, body: '{"a":1}' });
    expect(sent.status).toBe(200);
    browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
    context = await browser.newContext();
  });
  afterAll(async () => {
    await browser?.close();
    await kelp.stop();
    rmSync(folder, { recursive: true });
  });

  test("asks until it has one that is known, and keeps it for the tab alone", async () => {
    const page = await context.newPage();
    await page.goto(kelp.url + "/");
    await page.locator("text=needs a token of role read").waitFor();
    expect(await page.locator("a:text-is('shop')").count()).toBe(0);
    await page.fill("input[name=token]", "no-such-token-at-all-here");
    await page.click("button:text-is('Use it')");
    await page.locator("text=does not know the token").waitFor();
    await page.fill("input[name=token]", ingestToken);
    await page.click("button:text-is('Use it')");
    await page.locator("text=shop has the role ingest").waitFor();
    await page.fill("input[name=token]", readToken);
    await page.click("button:text-is('Use it')");
    await page.locator("a:text-is('shop')").waitFor();
    expect(page.url()).toBe(kelp.url + "/"); // the address holds no token
    await page.goto(kelp.url + "/x/shop?q=" + encodeURIComponent("SELECT count() FROM shop"));
    await page.locator(".badge b").waitFor();
    await page.goto(kelp.url + "/queries");
    await page.locator("td:text-is('ann')").first().waitFor();
    const other = await context.newPage();
    await other.goto(kelp.url + "/");
    await other.locator("text=needs a token of role read").waitFor();
  });
});
