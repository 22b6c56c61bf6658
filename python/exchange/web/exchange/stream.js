// @ts-check
/**
 * The WebSocket of this page: one socket, whatever is subscribed, and again after it was lost.
 *
 * The book of a symbol joins by sequences; everything else begins with a snapshot. What hears nothing for 15 s is lost.
 * Who comes back goes on from the last update of the account, where the exchange still has what was missed.
 */

import { Watched } from "./watched.js";

const SILENCE_MS = 15_000;
const PING_MS = 2_000;
const WAITS_MS = [250, 500, 1_000, 2_000, 4_000, 8_000];
const ASK_AGAIN_MS = 2_000;
const ROUND_TRIPS = 60;
const ENDED = { 4001: "signed-out", 4002: "signed-out", 4003: "signed-out", 4009: "replaced" };

/** @typedef {{ channel: string, symbol?: string, account?: number, kind: "snapshot" | "update", sequence: string, data: any }} Update */
/** @typedef {{ channels: string[], instrumentIds?: string[], accounts?: number[], interval?: string, raw?: boolean }} Asked */
/** @typedef {"connecting" | "live" | "lost" | "replaced" | "signed-out"} State */

export class Stream extends Watched {
  constructor() {
    super();
    /** @type {State} */
    this.state = "connecting";
    /** @type {string} */
    this.path = "/stream/market";
    /** @type {number[]} The last round trips in ms, newest last. */
    this.roundTrips = [];
    this.reconnects = 0;
    this.gaps = 0;
    this.frames = 0;
    this.bytes = 0;
    this.retryAt = 0;
    /** @type {any} */
    this.welcome = null;
    /** @type {Map<string, Asked>} */
    this.asked = new Map();
    /** @type {Map<string, Set<(update: Update) => void>>} */
    this.readers = new Map();
    /** @type {Set<(error: any, channels: string[]) => void>} */
    this.refusals = new Set();
    /** @type {Map<string, Asked>} What was asked for and not answered, by the id of the frame. */
    this.waiting = new Map();
    /** The gateway's time as it was last told, and when the connection was last lost. */
    this.serverTime = "";
    this.lostAt = "";
    /** Whether what was missed of orders and executions is told on this connection. */
    this.resumed = false;
    /** What names all that is subscribed, for who comes back; empty: something else is wanted now. */
    this.token = "";
    /** The last event of the exchange that an update of an account had. */
    this.sequence = 0;
    /** @type {Set<Asked>} What was answered for good. */
    this.settled = new Set();
    /** @type {WebSocket | null} */
    this.socket = null;
    this.tries = 0;
    this.heardAt = 0;
    this.lastId = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.retry = undefined;
    setInterval(() => this.#look(), PING_MS);
    addEventListener("online", () => this.#now());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#now());
  }

  /** @param {string} path Where it is: `/v1/stream` for who is signed in, else `/stream/market`. */
  open(path) {
    this.path = path;
    this.tries = 0;
    this.token = "";
    this.sequence = 0;
    this.#connect();
  }

  /**
   * @param {string} channel
   * @param {(update: Update) => void} reader
   */
  read(channel, reader) {
    const readers = this.readers.get(channel) ?? new Set();
    readers.add(reader);
    this.readers.set(channel, readers);
  }

  /**
   * Subscribes, now and after each reconnect.
   *
   * @param {string} name Of this subscription; what had it before ends.
   * @param {Asked | null} asked Null: nothing in its place.
   */
  subscribe(name, asked) {
    const before = this.asked.get(name);
    if (this.state !== "live") this.token = "";
    if (before && this.state === "live") this.#say("UNSUBSCRIBE", before);
    if (asked) this.asked.set(name, asked);
    else this.asked.delete(name);
    if (asked && this.state === "live") this.#say("SUBSCRIBE", asked);
  }

  /**
   * Begins a subscription anew, for what it told did not join.
   *
   * @param {string} name
   */
  mend(name) {
    this.gaps += 1;
    const asked = this.asked.get(name);
    if (asked) this.subscribe(name, asked);
    this.changed();
  }

  /** @returns {number | null} The median round trip in ms. */
  get roundTrip() {
    if (!this.roundTrips.length) return null;
    const sorted = this.roundTrips.slice(-9).sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }

  /** Connects at once where it would wait. */
  reconnect() {
    this.tries = 0;
    this.#connect();
  }

  #now() {
    if (this.state === "lost") this.reconnect();
  }

  #connect() {
    clearTimeout(this.retry);
    leave(this.socket);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket = socket;
    if (this.waiting.size || [...this.asked.values()].some((each) => !this.settled.has(each))) this.token = "";
    this.waiting.clear();
    this.resumed = false;
    this.heardAt = performance.now();
    this.#become("connecting");
    socket.onmessage = (event) => socket === this.socket && this.#hear(event.data);
    socket.onclose = (event) => socket === this.socket && this.#closed(event.code);
  }

  /** @param {string} text */
  #hear(text) {
    this.heardAt = performance.now();
    this.frames += 1;
    this.bytes += text.length;
    const told = JSON.parse(text);
    switch (told.type) {
      case "UPDATES":
        for (const update of told.updates) {
          if (update.account !== undefined) this.sequence = Math.max(this.sequence, Number(update.sequence));
          for (const reader of this.readers.get(update.channel) ?? []) reader(update);
        }
        return;
      case "WELCOME":
        this.#welcomed(told);
        return;
      case "PONG":
        this.serverTime = told.serverTime;
        this.roundTrips.push(performance.now() - Number(told.at));
        if (this.roundTrips.length > ROUND_TRIPS) this.roundTrips.shift();
        this.changed();
        return;
      case "ERROR":
        this.#refused(told);
        return;
      case "SUBSCRIBED":
      case "UNSUBSCRIBED":
        this.#answered(told);
        return;
      case "HEARTBEAT":
        this.serverTime = told.serverTime;
        return;
      default:
    }
  }

  /**
   * Goes on where the connection before was, or subscribes anew.
   *
   * @param {any} told
   */
  #welcomed(told) {
    this.welcome = told;
    if (this.token && this.sequence && !told.id) {
      this.#say("LOGON", { resume: { token: this.token, sequence: String(this.sequence) } });
      this.token = "";
      return;
    }
    this.resumed = told.resumed === true;
    this.tries = 0;
    if (this.resumed) this.token = told.resumeToken;
    else {
      this.settled.clear();
      for (const asked of this.asked.values()) this.#say("SUBSCRIBE", asked);
    }
    this.#become("live"); // and who hears it may subscribe to more
    this.#ping();
  }

  /** @param {any} told To SUBSCRIBE or UNSUBSCRIBE. */
  #answered(told) {
    const asked = this.waiting.get(told.id);
    this.waiting.delete(told.id);
    if (asked) this.settled.add(asked);
    this.token = told.resumeToken ?? "";
  }

  /**
   * What is refused for now is asked for again; all else is told.
   *
   * @param {any} told
   */
  #refused({ id, error }) {
    const asked = this.waiting.get(id);
    this.waiting.delete(id);
    if (asked && error.transient) {
      setTimeout(() => {
        const wanted = [...this.asked.values()].includes(asked) && ![...this.waiting.values()].includes(asked);
        if (wanted && this.state === "live") this.#say("SUBSCRIBE", asked);
      }, ASK_AGAIN_MS);
      return;
    }
    if (error.name === "BAD_RESUME_TOKEN") return; // a WELCOME follows
    if (asked) this.settled.add(asked);
    for (const each of this.refusals) each(error, asked?.channels ?? []);
  }

  /** @param {number} code */
  #closed(code) {
    this.socket = null;
    const ended = /** @type {Record<number, State>} */ (ENDED)[code];
    if (ended) {
      this.#become(ended);
      return;
    }
    const most = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)];
    const wait = most / 2 + (Math.random() * most) / 2;
    this.tries += 1;
    this.reconnects += 1;
    this.lostAt = this.serverTime;
    this.retryAt = Date.now() + wait;
    this.retry = setTimeout(() => this.#connect(), wait);
    this.#become("lost");
  }

  #look() {
    if (this.state !== "live" && this.state !== "connecting") return;
    if (performance.now() - this.heardAt > SILENCE_MS) {
      leave(this.socket);
      this.#closed(1006);
    } else this.#ping();
  }

  #ping() {
    if (this.state === "live") this.#say("PING", { at: performance.now().toFixed(2) });
  }

  /**
   * @param {string} op
   * @param {object} fields
   */
  #say(op, fields) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.lastId += 1;
    if (op === "SUBSCRIBE" || op === "UNSUBSCRIBE") this.waiting.set(String(this.lastId), /** @type {Asked} */ (fields));
    this.socket.send(JSON.stringify({ op, id: String(this.lastId), ...fields }));
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.changed();
  }
}

/**
 * Closes a socket; one that is being opened when it is open, for browsers take anything else for an error.
 *
 * @param {WebSocket | null} socket
 */
function leave(socket) {
  if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(1000);
  else socket?.close(1000);
}
