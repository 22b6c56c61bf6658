// @ts-check
/** Requests to the gateway that served this page. Who asks is known by the session's cookie. */

const TRIES = 3;
const RETRY_MS = 400;
const TIMEOUT_MS = 15_000;

/** Why a request was refused: the one form of all errors of the gateway. */
export class Problem extends Error {
  /** @param {{ code: number, name: string, message: string, transient: boolean, details: Record<string, unknown>, correlation_id: string }} told
   *  @param {number} status Of HTTP; 0: nothing answered. */
  constructor(told, status) {
    super(told.message);
    this.code = told.code;
    this.name = told.name;
    this.transient = told.transient;
    this.details = told.details ?? {};
    this.correlationId = told.correlation_id;
    this.status = status;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{ query?: Record<string, string | number | undefined>, body?: unknown, named?: boolean }} [more] `named`:
 *   the request has a client order id, so that it may be sent again where its outcome is not known.
 * @returns {Promise<any>} The body of the answer; null where there is none.
 * @throws {Problem} It was refused, or nothing answered.
 */
export async function ask(method, path, { query = {}, body, named = false } = {}) {
  const said = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const target = said.length ? `${path}?${new URLSearchParams(said.map(([name, value]) => [name, String(value)]))}` : path;
  const again = named || method === "GET";
  for (let tried = 1; ; tried += 1) {
    try {
      return await once(method, target, body);
    } catch (error) {
      if (!(error instanceof Problem) || !again || tried === TRIES) throw error;
      if (error.status !== 0 && error.status !== 504) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS * tried));
  }
}

/**
 * @param {string} method
 * @param {string} target
 * @param {unknown} body
 */
async function once(method, target, body) {
  let answer;
  let content;
  try {
    answer = await fetch(target, {
      method,
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    content = await answer.text();
  } catch {
    throw new Problem(nothing("The exchange cannot be reached."), 0);
  }
  let told = null;
  try {
    told = content ? JSON.parse(content) : null;
  } catch {
    throw new Problem(nothing("The answer is no JSON."), answer.status);
  }
  if (!answer.ok) throw new Problem(told ?? nothing(answer.statusText), answer.status);
  return told;
}

/** @param {string} message */
function nothing(message) {
  return { code: 0, name: "UNREACHABLE", message, transient: true, details: {}, correlation_id: "" };
}

/**
 * What a refusal is in words.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function inWords(error) {
  if (!(error instanceof Problem)) return error instanceof Error ? error.message : String(error);
  const { limit, asked } = error.details;
  const bound = limit !== undefined && error.name !== "INSUFFICIENT_FUNDS" ? ` The limit is ${limit}, asked was ${asked}.` : "";
  const later = error.transient && error.status !== 0 ? " The same may succeed later." : "";
  return `${error.message}${bound}${later}${error.code ? ` (${error.code})` : ""}`;
}
