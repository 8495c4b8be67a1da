// The token that this tab sends. It ends with the tab, and goes to the page's own
// server alone.

import { signal } from "@preact/signals";

const kept = "kelp-token";

export const token = signal(sessionStorage.getItem(kept) ?? "");

/** refused is why the server wants a token, or another one; "" while it does not. */
export const refused = signal("");

/** take sends this token from now on. */
export function take(text: string) {
  sessionStorage.setItem(kept, text);
  token.value = text;
  refused.value = "";
}
