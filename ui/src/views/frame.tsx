import type { ComponentChildren } from "preact";
import type { Fault } from "../api/client";
import { link, path } from "../nav";

const pages = [["/", "Tables"], ["/queries", "Queries"], ["/cluster", "Cluster"]];

/** Pages is the way to the other pages. */
export function Pages() {
  return (
    <nav class="pages" aria-label="Pages">
      {pages.map(([to, name]) => (
        <a href={to} onClick={link} aria-current={path.value === to ? "page" : undefined}>{name}</a>
      ))}
    </nav>
  );
}

/** Brand is the mark that leads home. */
export const Brand = () => <a class="brand" href="/" onClick={link} aria-label="kelp: all tables">kelp</a>;

/** Frame is a page beside explore. */
export function Frame({ children }: { children: ComponentChildren }) {
  return (
    <>
      <header class="bar"><Brand /><Pages /></header>
      <main class="page">{children}</main>
    </>
  );
}

/** FaultBox shows what went wrong, and where in the SQL. */
export function FaultBox({ fault, sql }: { fault: Fault | null; sql?: string }) {
  if (!fault) return null;
  const line = fault.position && sql ? sql.split("\n")[fault.position.line - 1] : undefined;
  return (
    <div class="fault" role="alert">
      <strong>{fault.message}</strong>
      {line !== undefined && (
        <pre>{line + "\n" + " ".repeat(Math.max(0, fault.position!.column - 1)) + "↑"}</pre>
      )}
      {fault.hint && <p>{fault.hint}</p>}
    </div>
  );
}
