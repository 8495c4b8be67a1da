import { render } from "preact";
import { useEffect } from "preact/hooks";
import { path, state } from "./nav";
import { Cluster } from "./views/cluster";
import { Explore } from "./views/explore";
import { Queries } from "./views/queries";
import { Tables } from "./views/tables";
import { Frame } from "./views/frame";

function App() {
  const s = state.value;
  useEffect(() => {
    document.title = (s ? s.table : path.value === "/" ? "tables" : path.value.slice(1)) + " · kelp";
  }, [s?.table, path.value]);
  if (s) return <Explore key={s.table} s={s} />;
  return (
    <Frame>
      {path.value === "/queries" ? <Queries /> : path.value === "/cluster" ? <Cluster /> : <Tables />}
    </Frame>
  );
}

render(<App />, document.getElementById("app")!);
