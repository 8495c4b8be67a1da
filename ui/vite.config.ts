import { defineConfig } from "vitest/config";

// The page is built into dist/app, which the binary embeds. Nothing is put into the
// page itself: its policy lets scripts and styles come from files alone.
export default defineConfig({
  build: {
    outDir: "dist/app",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:7411" } },
  test: { environment: "node", include: ["src/**/*.test.ts", "test/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 60_000 },
});
