/** Logging in with a token and out again. The token goes to the gateway alone and is forgotten with the tab. */
import { useRef, useState } from 'preact/hooks';
import { getJson, type ApiError } from '../state/api.ts';
import { keepToken, loginAsked, me, token, type Me } from '../state/session.ts';
import { Dialog, tell } from './acts.tsx';

/** Throws ApiError for a token that nobody knows. */
export async function learnMe(): Promise<void> {
  me.value = await getJson<Me>('/me');
}

export function LoginState() {
  const { value } = me;
  const isNamed = value !== null && value.name !== 'anonymous';
  const leave = () => {
    keepToken(null);
    me.value = null;
    void learnMe().catch((error: unknown) => (loginAsked.value = (error as Error).message));
  };
  return (
    <div class="login">
      <span>{isNamed ? `${value.who ?? value.name} (${value.role})` : 'looking only'}</span>
      {isNamed ? (
        <button type="button" class="plain" onClick={leave}>
          Log out
        </button>
      ) : (
        <button type="button" class="plain" onClick={() => (loginAsked.value = '')}>
          Log in
        </button>
      )}
    </div>
  );
}

export function Login() {
  const why = loginAsked.value;
  return why === null ? null : <LoginDialog why={why} />;
}

function LoginDialog({ why }: { why: string }) {
  const input = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const enter = async (event: Event) => {
    event.preventDefault();
    const former = token.peek();
    keepToken(input.current!.value.trim()); // It is in the page.
    try {
      await learnMe();
      loginAsked.value = null;
      tell({ text: `Logged in as ${me.value!.name}, who is ${me.value!.role}.`, look: 'good' });
    } catch (error) {
      keepToken(former);
      setProblem((error as ApiError).message); // getJson throws no other.
    }
  };
  return (
    <Dialog title="Log in" onClose={() => (loginAsked.value = null)}>
      <form onSubmit={(event) => void enter(event)}>
        {why === '' ? null : <p>{why}</p>}
        <label>
          Token
          <input ref={input} type="password" required autocomplete="current-password" />
        </label>
        <p class="note">
          On a server of Nightshift's own it is in <code>.nightshift/keys/operator.token</code>, or in the file of
          another role beside it. It is kept until this tab is closed.
        </p>
        {problem === null ? null : (
          <p class="failed" role="alert">
            {problem}
          </p>
        )}
        <p class="acts">
          <button type="submit" class="main">
            Log in
          </button>
          <button type="button" class="plain" onClick={() => (loginAsked.value = null)}>
            Leave it
          </button>
        </p>
      </form>
    </Dialog>
  );
}
