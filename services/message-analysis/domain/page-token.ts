/** A place in a session's messages: they are in order of time, then of number. */
export interface Place {
  /** Epoch milliseconds. */
  readonly orderAt: number;
  readonly seq: number;
}

const TOKEN = /^(\d{1,15})\.(\d{1,10})$/;

/** The token of the page of what is older than `place`. */
export function pageToken({ orderAt, seq }: Place): string {
  return Buffer.from(`${orderAt}.${seq}`).toString('base64url');
}

/** The place that a token stands for; undefined when it is none of ours. */
export function placeOf(token: string): Place | undefined {
  const match = TOKEN.exec(Buffer.from(token, 'base64url').toString('latin1'));
  if (!match) return undefined;
  const place = { orderAt: Number(match[1]), seq: Number(match[2]) };
  return pageToken(place) === token && place.orderAt <= MAX_TIME ? place : undefined;
}

/** The end of the year 9999: what the databases can tell. */
const MAX_TIME = Date.UTC(10_000, 0, 1) - 1;
