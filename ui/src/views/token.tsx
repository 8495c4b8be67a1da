import { refused, take } from "../api/token";
import { Brand } from "./frame";

/** TokenForm asks for the token that the server wants, in place of the page. */
export function TokenForm() {
  const submit = (e: SubmitEvent) => {
    e.preventDefault();
    const text = new FormData(e.currentTarget as HTMLFormElement).get("token");
    if (text) take(String(text).trim());
  };
  return (
    <>
      <header class="bar"><Brand /></header>
      <main class="page">
        <h1>A token, please</h1>
        <p role="alert">{refused.value}</p>
        <form onSubmit={submit}>
          <label>Token <input name="token" type="password" autocomplete="off" autofocus required size={40} /></label>{" "}
          <button>Use it</button>
        </form>
        <p class="dim">It is kept until this tab is closed.</p>
      </main>
    </>
  );
}
