import { signal } from "@preact/signals";
import { keyList } from "../keys";

export const helpOpen = signal(false);

/** Help lists the keys. */
export function Help() {
  if (!helpOpen.value) return null;
  return (
    <div class="shade" onClick={() => (helpOpen.value = false)}>
      <div class="sheet" role="dialog" aria-label="Keys">
        <h2>Keys</h2>
        <dl>{keyList.map(([key, what]) => <><dt><kbd>{key}</kbd></dt><dd>{what}</dd></>)}</dl>
        <button onClick={() => (helpOpen.value = false)} ref={(b) => b?.focus()}>Close</button>
      </div>
    </div>
  );
}
