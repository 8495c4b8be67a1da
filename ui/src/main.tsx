import { Component, render, type ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Fault } from "./api/client";
import { refused } from "./api/token";
import { address, path, state } from "./nav";
import { Cluster } from "./views/cluster";
import { Explore } from "./views/explore";
import { Queries } from "./views/queries";
import { Tables } from "./views/tables";
import { FaultBox, Frame } from "./views/frame";
import { TokenForm } from "./views/token";

/** Guard shows a fault of the page's own instead of a page that has stopped. */
class Guard extends Component<{ children: ComponentChildren; at: string }, { failed: string; at: string }> {
  state = { failed: "", at: "" };

  componentDidCatch(e: unknown) {
    this.setState({ failed: e instanceof Error ? e.message : String(e), at: this.props.at });
    reportError(e); // the console and the tests hear of it
  }

  render() {
    if (!this.state.failed || this.state.at !== this.props.at) return this.props.children;
    return (
      <Frame>
        <FaultBox fault={new Fault("page", "the page failed: " + this.state.failed, "this is a fault of the page's; go back, or load it anew")} />
      </Frame>
    );
  }
}

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

const Page = () => <Guard at={address.value}>{refused.value ? <TokenForm /> : <App />}</Guard>;

render(<Page />, document.getElementById("app")!);
