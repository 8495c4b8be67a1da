// Of long tables only the rows near the window are in the page. All rows of a table
// have one height, so that this is a division; the libraries for it weigh 9 kB.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** rowPx is the height of a row until one is measured. */
const rowPx = 26;

/** spare is how many rows there are above and below the window, for fast scrolling. */
const spare = 30;

/** few is how many rows are simply all there. */
const few = 150;

type Props = { count: number; span: number; row: (i: number) => ComponentChildren };

/** Rows is a tbody of count rows of one height; span is how many columns there are. */
export function Rows({ count, span, row }: Props) {
  const at = useRef<HTMLTableSectionElement>(null);
  const [first, setFirst] = useState(0);
  const height = useRef(rowPx);
  const rows = count <= few ? count : Math.ceil(innerHeight / height.current) + 2 * spare;
  const from = Math.max(0, Math.min(first, count - rows)), to = Math.min(count, from + rows);

  useLayoutEffect(() => {
    if (count <= few) return;
    const look = () => {
      height.current = at.current!.querySelector("tr[data-row]")?.getBoundingClientRect().height || height.current;
      const above = Math.floor(-at.current!.getBoundingClientRect().top / height.current);
      // In steps, so that most scrolling draws nothing anew.
      setFirst(Math.max(0, Math.floor((above - spare) / 10) * 10));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [count]);

  const gap = (n: number) => n > 0 && <tr aria-hidden="true"><td colSpan={span} style={{ height: n * height.current + "px", padding: 0, border: 0 }} /></tr>;
  return (
    <tbody ref={at}>
      {gap(from)}
      {Array.from({ length: to - from }, (_, i) => row(from + i))}
      {gap(count - to)}
    </tbody>
  );
}
